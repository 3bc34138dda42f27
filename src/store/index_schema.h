/* The tables of queue.db. Private to the index.
 * Promises: every read of the hot path is one walk of one index.
 * Does not know: who asks. */
#ifndef STORE_INDEX_SCHEMA_H
#define STORE_INDEX_SCHEMA_H

/* Lanes have numbers, so that a recipient's row and the index `waiting` stay small. A recipient that was never tried
 * has no row in `attempt`. message.live counts its recipients and the notices owed about it: at 0 it goes. */
#define INDEX_SCHEMA                                                                                                 \
	"CREATE TABLE IF NOT EXISTS state(one INTEGER PRIMARY KEY CHECK(one = 1), segment INTEGER NOT NULL,"             \
	" offset INTEGER NOT NULL, sequence INTEGER NOT NULL, queue_time INTEGER NOT NULL, next_seq INTEGER NOT NULL"    \
	") STRICT;"                                                                                                      \
	"INSERT OR IGNORE INTO state VALUES(1, 0, 0, 1, 0, 1);"                                                          \
	"CREATE TABLE IF NOT EXISTS segment(number INTEGER PRIMARY KEY, messages INTEGER NOT NULL,"                      \
	" bytes INTEGER NOT NULL) STRICT;"                                                                               \
	"CREATE TABLE IF NOT EXISTS lane(id INTEGER PRIMARY KEY, account TEXT NOT NULL, domain TEXT NOT NULL,"           \
	" UNIQUE(account, domain)) STRICT;"                                                                              \
	"CREATE TABLE IF NOT EXISTS message(id BLOB PRIMARY KEY, account TEXT NOT NULL, sender TEXT NOT NULL,"           \
	" extra BLOB NOT NULL, size INTEGER NOT NULL, accepted_wall INTEGER NOT NULL, accepted INTEGER NOT NULL,"        \
	" expires INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,"         \
	" live INTEGER NOT NULL) STRICT, WITHOUT ROWID;"                                                                 \
	"CREATE INDEX IF NOT EXISTS expiry ON message(expires);"                                                         \
	"CREATE TABLE IF NOT EXISTS recipient(message BLOB NOT NULL, idx INTEGER NOT NULL, lane INTEGER NOT NULL,"       \
	" address TEXT NOT NULL, state INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL,"               \
	" attempt INTEGER NOT NULL, warned INTEGER NOT NULL, reason TEXT NOT NULL,"                                      \
	" PRIMARY KEY(message, idx)) STRICT, WITHOUT ROWID;"                                                             \
	"CREATE INDEX IF NOT EXISTS waiting ON recipient(lane, due, state);"                                             \
	"CREATE TABLE IF NOT EXISTS attempt(message BLOB NOT NULL, idx INTEGER NOT NULL, when_wall INTEGER NOT NULL,"    \
	" outcome INTEGER NOT NULL, code INTEGER NOT NULL, status INTEGER NOT NULL, why TEXT NOT NULL,"                  \
	" class TEXT NOT NULL, site TEXT NOT NULL, remote TEXT NOT NULL, egress TEXT NOT NULL, tls TEXT NOT NULL,"       \
	" dialogue TEXT NOT NULL, PRIMARY KEY(message, idx)) STRICT, WITHOUT ROWID;"                                     \
	"CREATE TABLE IF NOT EXISTS notice(message BLOB NOT NULL, kind INTEGER NOT NULL, idx INTEGER NOT NULL,"          \
	" address TEXT NOT NULL, outcome INTEGER NOT NULL, code INTEGER NOT NULL, status INTEGER NOT NULL,"              \
	" why TEXT NOT NULL, remote TEXT NOT NULL, when_wall INTEGER NOT NULL, attempts INTEGER NOT NULL,"               \
	" PRIMARY KEY(message, kind, idx)) STRICT, WITHOUT ROWID;"                                                       \
	"CREATE TABLE IF NOT EXISTS account_hold(account TEXT PRIMARY KEY, reason TEXT NOT NULL) STRICT, WITHOUT ROWID;"

#endif
