#include "rooms/vault/database.h"

#include "base/must.h"

#include <sqlite3.h>

static const char schema[] =
	"PRAGMA journal_mode=WAL;"
	"PRAGMA synchronous=FULL;"
	"PRAGMA foreign_keys=ON;"
	"CREATE TABLE IF NOT EXISTS account(name TEXT PRIMARY KEY, as_typed TEXT NOT NULL, label TEXT NOT NULL,"
	"  state INTEGER NOT NULL, reason TEXT NOT NULL, created INTEGER NOT NULL, last_login INTEGER NOT NULL)"
	"  WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS password(number INTEGER PRIMARY KEY, account TEXT NOT NULL REFERENCES account(name),"
	"  source INTEGER NOT NULL, verifier BLOB NOT NULL, created INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS password_account ON password(account);"
	"CREATE TABLE IF NOT EXISTS setting(account TEXT NOT NULL REFERENCES account(name), key TEXT NOT NULL,"
	"  value TEXT NOT NULL, PRIMARY KEY(account, key)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS usage(account TEXT PRIMARY KEY REFERENCES account(name), day INTEGER NOT NULL,"
	"  recipients INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS domain(name TEXT PRIMARY KEY, made_for TEXT NOT NULL, created INTEGER NOT NULL)"
	"  WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS domain_made_for ON domain(made_for, created);"
	"CREATE TABLE IF NOT EXISTS key(domain TEXT NOT NULL REFERENCES domain(name), selector TEXT NOT NULL,"
	"  algorithm INTEGER NOT NULL, public_key BLOB NOT NULL, sealed BLOB NOT NULL,"
	"  phase INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(domain, selector))"
	"  WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS key_file(one INTEGER PRIMARY KEY CHECK(one = 1), mark BLOB NOT NULL);";

/* user_version: what the file has. Each step leads from the one before. */
enum { VERSION = 2 };
static const char *const steps[VERSION] = {
	[1] = "BEGIN IMMEDIATE;"
		  "ALTER TABLE key ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;"
		  "ALTER TABLE key ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"
		  "PRAGMA user_version=2;"
		  "COMMIT;",
};

#define STATEMENTS(S)                                                                                                \
	S(BEGIN, "BEGIN IMMEDIATE")                                                                                      \
	S(COMMIT, "COMMIT")                                                                                              \
	S(ROLLBACK, "ROLLBACK")                                                                                          \
	S(MARK_ADD, "INSERT OR IGNORE INTO key_file VALUES(1, ?1)")                                                      \
	S(MARK_GET, "SELECT mark FROM key_file")                                                                         \
	S(ACCOUNTS, "SELECT name, as_typed, label, state, reason, created, last_login FROM account ORDER BY name")       \
	S(PASSWORDS, "SELECT account, source, verifier, created FROM password ORDER BY number")                          \
	S(SETTINGS, "SELECT account, key, value FROM setting")                                                           \
	S(USAGES, "SELECT account, day, recipients FROM usage")                                                          \
	S(ACCOUNT_ADD, "INSERT INTO account VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                         \
	S(ACCOUNT_STATE, "UPDATE account SET state = ?2, reason = ?3 WHERE name = ?1")                                   \
	S(ACCOUNT_LABEL, "UPDATE account SET label = ?2 WHERE name = ?1")                                                \
	S(ACCOUNT_LOGIN, "UPDATE account SET last_login = ?2 WHERE name = ?1")                                           \
	S(PASSWORD_ADD, "INSERT INTO password(account, source, verifier, created) VALUES(?1, ?2, ?3, ?4)")               \
	S(PASSWORD_END_OLD, "DELETE FROM password WHERE account = ?1 AND number NOT IN"                                  \
	                    " (SELECT number FROM password WHERE account = ?1 ORDER BY number DESC LIMIT 2)")            \
	S(PASSWORD_REPLACE, "UPDATE password SET source = ?3, verifier = ?4 WHERE account = ?1 AND verifier = ?2")       \
	S(PASSWORD_END_ALL, "DELETE FROM password WHERE account = ?1")                                                   \
	S(SETTING_SET, "INSERT INTO setting VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value")        \
	S(SETTING_REMOVE, "DELETE FROM setting WHERE account = ?1 AND key = ?2")                                         \
	S(SETTING_REMOVE_ALL, "DELETE FROM setting WHERE account = ?1")                                                  \
	S(USAGE_SAVE, "INSERT INTO usage VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET day = excluded.day,"               \
	              " recipients = excluded.recipients")                                                               \
	S(USAGE_REMOVE, "DELETE FROM usage WHERE account = ?1")                                                          \
	S(DOMAIN_GET, "SELECT name, made_for, created FROM domain WHERE name = ?1")                                      \
	S(DOMAIN_KEYS, "SELECT selector, algorithm, public_key, sealed, phase, since FROM key WHERE domain = ?1"         \
	               " ORDER BY phase, selector")                                                                      \
	S(DOMAIN_ADD, "INSERT INTO domain VALUES(?1, ?2, ?3)")                                                           \
	S(KEY_ADD, "INSERT INTO key VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                                 \
	S(KEYS_PHASE, "UPDATE key SET phase = ?3, since = ?4 WHERE domain = ?1 AND phase = ?2")                          \
	S(KEYS_END, "DELETE FROM key WHERE domain = ?1 AND phase = ?2")                                                  \
	S(KEYS_REMOVE, "DELETE FROM key WHERE domain = ?1")                                                              \
	S(DOMAIN_REMOVE, "DELETE FROM domain WHERE name = ?1")                                                           \
	S(DOMAINS_MADE, "SELECT count(*) FROM domain WHERE made_for = ?1 AND created >= ?2")                             \
	S(DOMAIN_PAGE, "SELECT name FROM domain WHERE name > ?1 ORDER BY name LIMIT ?2")

enum statement {
#define NAME(name, sql) STATEMENT_##name,
	STATEMENTS(NAME)
#undef NAME
};

static const char *const statement_texts[] = {
#define TEXT(name, sql) [STATEMENT_##name] = (sql),
	STATEMENTS(TEXT)
#undef TEXT
};
enum { STATEMENT_COUNT = sizeof(statement_texts) / sizeof(statement_texts[0]) };

struct database {
	sqlite3 *connection;
	sqlite3_stmt *statements[STATEMENT_COUNT];
};

static void read_version(sqlite3 *connection, int *version)
{
	sqlite3_stmt *statement = NULL;
	*version = -1;
	if (sqlite3_prepare_v2(connection, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		*version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
}

/* A file of an older version becomes one of this one; one of a newer version is left alone. */
static int upgrade(struct database *database, struct text *problem)
{
	int version = 0;
	read_version(database->connection, &version);
	if (version < 0)
		return SQLITE_ERROR;
	if (version > VERSION) {
		text_print(problem, "%s: made by a newer version of Sealpost (%d; this one knows %d)",
		           sqlite3_db_filename(database->connection, "main"), version, (int)VERSION);
		return SQLITE_ERROR;
	}
	int result = SQLITE_OK;
	for (; version > 0 && version < VERSION && result == SQLITE_OK; version++)
		result = sqlite3_exec(database->connection, steps[version], NULL, NULL, NULL);
	if (result == SQLITE_OK && version == 0)
		result = sqlite3_exec(database->connection, "PRAGMA user_version=2", NULL, NULL, NULL);
	return result;
}

struct database *database_open(const char *path, struct text *problem)
{
	struct database *database = must_alloc(1, sizeof(*database));
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int result = sqlite3_open_v2(path, &database->connection, flags, NULL);
	if (result == SQLITE_OK)
		result = upgrade(database, problem);
	if (result == SQLITE_OK)
		result = sqlite3_exec(database->connection, schema, NULL, NULL, NULL);
	for (size_t i = 0; result == SQLITE_OK && i < STATEMENT_COUNT; i++)
		result = sqlite3_prepare_v3(database->connection, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
		                            &database->statements[i], NULL);
	if (result == SQLITE_OK)
		return database;
	if (problem->length == 0)
		text_print(problem, "%s: %s", path, sqlite3_errmsg(database->connection));
	database_close(database);
	return NULL;
}

void database_close(struct database *database)
{
	if (database == NULL)
		return;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(database->statements[i]);
	sqlite3_close(database->connection);
	free(database);
}

/* ---- small steps */

struct bound {
	sqlite3_stmt *statement;
	int at;
};

static struct bound bind(struct database *database, enum statement statement)
{
	return (struct bound){ .statement = database->statements[statement] };
}

static void bind_text(struct bound *bound, struct view value)
{
	sqlite3_bind_text(bound->statement, ++bound->at, value.length == 0 ? "" : value.data, (int)value.length,
	                  SQLITE_STATIC);
}

static void bind_blob(struct bound *bound, struct view value)
{
	sqlite3_bind_blob(bound->statement, ++bound->at, value.length == 0 ? "" : value.data, (int)value.length,
	                  SQLITE_STATIC);
}

static void bind_number(struct bound *bound, int64_t value)
{
	sqlite3_bind_int64(bound->statement, ++bound->at, value);
}

static bool run(struct bound bound)
{
	const int result = sqlite3_step(bound.statement);
	sqlite3_reset(bound.statement);
	sqlite3_clear_bindings(bound.statement);
	return result == SQLITE_DONE || result == SQLITE_ROW;
}

static bool run_plain(struct database *database, enum statement statement)
{
	return run(bind(database, statement));
}

static bool transaction_end(struct database *database, bool good)
{
	if (good && run_plain(database, STATEMENT_COMMIT))
		return true;
	run_plain(database, STATEMENT_ROLLBACK);
	return false;
}

static struct view column(struct bound row, int at)
{
	const void *bytes = sqlite3_column_blob(row.statement, at);
	return view_bytes(bytes, (size_t)sqlite3_column_bytes(row.statement, at));
}

static bool next_row(struct bound rows, bool *failed)
{
	const int result = sqlite3_step(rows.statement);
	if (result == SQLITE_ROW)
		return true;
	*failed = result != SQLITE_DONE;
	sqlite3_reset(rows.statement);
	sqlite3_clear_bindings(rows.statement);
	return false;
}

bool database_mark_check(struct database *database, struct view mark, bool *is_same)
{
	struct bound adding = bind(database, STATEMENT_MARK_ADD);
	bind_blob(&adding, mark);
	if (!run(adding))
		return false;
	const struct bound rows = bind(database, STATEMENT_MARK_GET);
	bool failed = false;
	while (next_row(rows, &failed))
		*is_same = view_equal(column(rows, 0), mark);
	return !failed;
}

/* ---- accounts */

static bool read_accounts(struct database *database, const struct database_reader *reader)
{
	const struct bound rows = bind(database, STATEMENT_ACCOUNTS);
	bool failed = false;
	while (next_row(rows, &failed)) {
		const struct account_record record = {
			.name = column(rows, 0),
			.as_typed = column(rows, 1),
			.label = column(rows, 2),
			.state = (enum account_state)sqlite3_column_int(rows.statement, 3),
			.reason = column(rows, 4),
			.created = sqlite3_column_int64(rows.statement, 5),
			.last_login = sqlite3_column_int64(rows.statement, 6),
		};
		reader->account(reader->context, &record);
	}
	return !failed;
}

static bool read_passwords(struct database *database, const struct database_reader *reader)
{
	const struct bound rows = bind(database, STATEMENT_PASSWORDS);
	bool failed = false;
	while (next_row(rows, &failed)) {
		const struct password_record record = {
			.account = column(rows, 0),
			.source = (enum password_source)sqlite3_column_int(rows.statement, 1),
			.verifier = column(rows, 2),
			.created = sqlite3_column_int64(rows.statement, 3),
		};
		reader->password(reader->context, &record);
	}
	return !failed;
}

static bool read_settings(struct database *database, const struct database_reader *reader)
{
	const struct bound rows = bind(database, STATEMENT_SETTINGS);
	bool failed = false;
	while (next_row(rows, &failed)) {
		const struct setting_record record = {
			.account = column(rows, 0),
			.key = column(rows, 1),
			.value = column(rows, 2),
		};
		reader->setting(reader->context, &record);
	}
	return !failed;
}

static bool read_usages(struct database *database, const struct database_reader *reader)
{
	const struct bound rows = bind(database, STATEMENT_USAGES);
	bool failed = false;
	while (next_row(rows, &failed)) {
		const struct usage_record record = {
			.account = column(rows, 0),
			.day = sqlite3_column_int64(rows.statement, 1),
			.recipients = (uint64_t)sqlite3_column_int64(rows.statement, 2),
		};
		reader->usage(reader->context, &record);
	}
	return !failed;
}

bool database_read_all(struct database *database, const struct database_reader *reader)
{
	return read_accounts(database, reader) && read_passwords(database, reader) && read_settings(database, reader) &&
	       read_usages(database, reader);
}

static bool password_add(struct database *database, const struct password_record *password)
{
	struct bound bound = bind(database, STATEMENT_PASSWORD_ADD);
	bind_text(&bound, password->account);
	bind_number(&bound, password->source);
	bind_blob(&bound, password->verifier);
	bind_number(&bound, password->created);
	return run(bound);
}

static bool run_for_account(struct database *database, enum statement statement, struct view account)
{
	struct bound bound = bind(database, statement);
	bind_text(&bound, account);
	return run(bound);
}

bool database_account_add(struct database *database, const struct account_record *record,
                          const struct password_record *password)
{
	bool good = run_plain(database, STATEMENT_BEGIN);
	struct bound bound = bind(database, STATEMENT_ACCOUNT_ADD);
	bind_text(&bound, record->name);
	bind_text(&bound, record->as_typed);
	bind_text(&bound, record->label);
	bind_number(&bound, record->state);
	bind_text(&bound, record->reason);
	bind_number(&bound, record->created);
	bind_number(&bound, record->last_login);
	good = good && run(bound) && password_add(database, password);
	return transaction_end(database, good);
}

bool database_account_state(struct database *database, struct view name, enum account_state state, struct view reason)
{
	struct bound bound = bind(database, STATEMENT_ACCOUNT_STATE);
	bind_text(&bound, name);
	bind_number(&bound, state);
	bind_text(&bound, reason);
	return run(bound);
}

bool database_account_remove(struct database *database, struct view name)
{
	bool good = run_plain(database, STATEMENT_BEGIN);
	good = good && database_account_state(database, name, ACCOUNT_REMOVED, VIEW_NONE) &&
	       run_for_account(database, STATEMENT_PASSWORD_END_ALL, name) &&
	       run_for_account(database, STATEMENT_SETTING_REMOVE_ALL, name) &&
	       run_for_account(database, STATEMENT_USAGE_REMOVE, name);
	return transaction_end(database, good);
}

bool database_account_label(struct database *database, struct view name, struct view label)
{
	struct bound bound = bind(database, STATEMENT_ACCOUNT_LABEL);
	bind_text(&bound, name);
	bind_text(&bound, label);
	return run(bound);
}

bool database_password_add(struct database *database, const struct password_record *password)
{
	bool good = run_plain(database, STATEMENT_BEGIN);
	good = good && password_add(database, password) &&
	       run_for_account(database, STATEMENT_PASSWORD_END_OLD, password->account);
	return transaction_end(database, good);
}

bool database_password_replace(struct database *database, struct view account, struct view old_verifier,
                               const struct password_record *password)
{
	struct bound bound = bind(database, STATEMENT_PASSWORD_REPLACE);
	bind_text(&bound, account);
	bind_blob(&bound, old_verifier);
	bind_number(&bound, password->source);
	bind_blob(&bound, password->verifier);
	return run(bound);
}

static bool setting_set(struct database *database, const struct setting_record *record)
{
	const bool removes = record->value.length == 0;
	struct bound bound = bind(database, removes ? STATEMENT_SETTING_REMOVE : STATEMENT_SETTING_SET);
	bind_text(&bound, record->account);
	bind_text(&bound, record->key);
	if (!removes)
		bind_text(&bound, record->value);
	return run(bound);
}

bool database_settings_set(struct database *database, const struct setting_record *records, size_t count)
{
	bool good = run_plain(database, STATEMENT_BEGIN);
	for (size_t i = 0; good && i < count; i++)
		good = setting_set(database, &records[i]);
	return transaction_end(database, good);
}

bool database_usage_save(struct database *database, const struct usage_record *records, size_t count)
{
	bool good = run_plain(database, STATEMENT_BEGIN);
	for (size_t i = 0; good && i < count; i++) {
		struct bound bound = bind(database, STATEMENT_USAGE_SAVE);
		bind_text(&bound, records[i].account);
		bind_number(&bound, records[i].day);
		bind_number(&bound, (int64_t)records[i].recipients);
		good = run(bound);
	}
	return transaction_end(database, good);
}

bool database_login_save(struct database *database, struct view account, int64_t when)
{
	struct bound bound = bind(database, STATEMENT_ACCOUNT_LOGIN);
	bind_text(&bound, account);
	bind_number(&bound, when);
	return run(bound);
}

/* ---- domains */

static bool read_keys(struct database *database, struct arena *arena, struct domain_record *record)
{
	struct bound rows = bind(database, STATEMENT_DOMAIN_KEYS);
	bind_text(&rows, record->domain);
	bool failed = false;
	while (next_row(rows, &failed)) {
		if (record->key_count == DOMAIN_KEYS_MOST)
			continue;
		record->keys[record->key_count++] = (struct key_record){
			.selector = arena_copy(arena, column(rows, 0)),
			.algorithm = (enum dkim_algorithm)sqlite3_column_int(rows.statement, 1),
			.public_key = arena_copy(arena, column(rows, 2)),
			.sealed = arena_copy(arena, column(rows, 3)),
			.phase = (enum key_phase)sqlite3_column_int(rows.statement, 4),
			.since = sqlite3_column_int64(rows.statement, 5),
		};
	}
	return !failed;
}

enum database_found database_domain_get(struct database *database, struct view domain, struct arena *arena,
                                        struct domain_record *record)
{
	struct bound rows = bind(database, STATEMENT_DOMAIN_GET);
	bind_text(&rows, domain);
	bool failed = false;
	if (!next_row(rows, &failed))
		return failed ? DATABASE_FAILED : DATABASE_ABSENT;
	*record = (struct domain_record){
		.domain = arena_copy(arena, column(rows, 0)),
		.made_for = arena_copy(arena, column(rows, 1)),
		.created = sqlite3_column_int64(rows.statement, 2),
	};
	sqlite3_reset(rows.statement);
	sqlite3_clear_bindings(rows.statement);
	return read_keys(database, arena, record) ? DATABASE_FOUND : DATABASE_FAILED;
}

static bool key_add(struct database *database, struct view domain, const struct key_record *key)
{
	struct bound bound = bind(database, STATEMENT_KEY_ADD);
	bind_text(&bound, domain);
	bind_text(&bound, key->selector);
	bind_number(&bound, key->algorithm);
	bind_blob(&bound, key->public_key);
	bind_blob(&bound, key->sealed);
	bind_number(&bound, key->phase);
	bind_number(&bound, key->since);
	return run(bound);
}

bool database_domain_add(struct database *database, const struct domain_record *record)
{
	bool good = run_plain(database, STATEMENT_BEGIN);
	struct bound bound = bind(database, STATEMENT_DOMAIN_ADD);
	bind_text(&bound, record->domain);
	bind_text(&bound, record->made_for);
	bind_number(&bound, record->created);
	good = good && run(bound);
	for (size_t i = 0; good && i < record->key_count; i++)
		good = key_add(database, record->domain, &record->keys[i]);
	return transaction_end(database, good);
}

static bool keys_end(struct database *database, struct view domain, enum key_phase phase)
{
	struct bound bound = bind(database, STATEMENT_KEYS_END);
	bind_text(&bound, domain);
	bind_number(&bound, phase);
	return run(bound);
}

static bool keys_move(struct database *database, struct view domain, enum key_phase from, enum key_phase to,
                      int64_t when)
{
	struct bound bound = bind(database, STATEMENT_KEYS_PHASE);
	bind_text(&bound, domain);
	bind_number(&bound, from);
	bind_number(&bound, to);
	bind_number(&bound, when);
	return run(bound);
}

bool database_keys_rotate(struct database *database, const struct domain_record *record)
{
	bool good = run_plain(database, STATEMENT_BEGIN) && keys_end(database, record->domain, KEY_OLD);
	for (size_t i = 0; good && i < record->key_count; i++)
		good = key_add(database, record->domain, &record->keys[i]);
	return transaction_end(database, good);
}

bool database_keys_activate(struct database *database, struct view domain, int64_t when)
{
	const bool good = run_plain(database, STATEMENT_BEGIN) && keys_end(database, domain, KEY_OLD) &&
	                  keys_move(database, domain, KEY_ACTIVE, KEY_OLD, when) &&
	                  keys_move(database, domain, KEY_NEXT, KEY_ACTIVE, when);
	return transaction_end(database, good);
}

bool database_domain_remove(struct database *database, struct view domain, bool *was_there)
{
	bool good = run_plain(database, STATEMENT_BEGIN);
	good = good && run_for_account(database, STATEMENT_KEYS_REMOVE, domain) &&
	       run_for_account(database, STATEMENT_DOMAIN_REMOVE, domain);
	*was_there = good && sqlite3_changes(database->connection) > 0;
	return transaction_end(database, good);
}

bool database_domains_made(struct database *database, struct view account, int64_t since, uint64_t *count)
{
	struct bound rows = bind(database, STATEMENT_DOMAINS_MADE);
	bind_text(&rows, account);
	bind_number(&rows, since);
	bool failed = false;
	if (!next_row(rows, &failed))
		return false;
	*count = (uint64_t)sqlite3_column_int64(rows.statement, 0);
	sqlite3_reset(rows.statement);
	sqlite3_clear_bindings(rows.statement);
	return true;
}

bool database_domain_page(struct database *database, struct view after, uint32_t most, struct arena *arena,
                          struct view **names, size_t *count)
{
	struct bound rows = bind(database, STATEMENT_DOMAIN_PAGE);
	bind_text(&rows, after);
	bind_number(&rows, most);
	bool failed = false;
	*names = ARENA_ARRAY(arena, struct view, most);
	*count = 0;
	while (next_row(rows, &failed))
		(*names)[(*count)++] = arena_copy(arena, column(rows, 0));
	return !failed;
}
