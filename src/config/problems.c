#include "config/problems.h"

static void add(struct config_problems *problems, const struct node *node, struct config_problem problem,
                bool is_warning)
{
	if (problems->count == CONFIG_PROBLEMS_MOST)
		return;
	problem.line = node == NULL ? 0 : node->line;
	problem.column = node == NULL ? 0 : node->column;
	problem.key = arena_copy(&problems->arena, problem.key);
	problem.message = arena_copy(&problems->arena, problem.message);
	problems->is_warning[problems->count] = is_warning;
	problems->rows[problems->count++] = problem;
}

void problems_add_error(struct config_problems *problems, const struct node *node, struct view key,
                        struct view message)
{
	problems->error_count++;
	add(problems, node, (struct config_problem){ .key = key, .message = message }, false);
}

void problems_add_warning(struct config_problems *problems, const struct node *node, struct view key,
                          struct view message)
{
	add(problems, node, (struct config_problem){ .key = key, .message = message }, true);
}

void config_problems_deinit(struct config_problems *problems)
{
	arena_deinit(&problems->arena);
	*problems = (struct config_problems){ 0 };
}

void config_problems_write(const struct config_problems *problems, const char *file_name, struct text *text)
{
	size_t hidden = problems->error_count;
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *problem = &problems->rows[i];
		hidden -= problems->is_warning[i] ? 0 : 1;
		text_add(text, view_of(file_name));
		if (problem->line > 0)
			text_print(text, ":%zu:%zu", problem->line, problem->column);
		text_add(text, problems->is_warning[i] ? VIEW(": warning: ") : VIEW(": "));
		if (problem->key.length > 0)
			text_print(text, "%.*s: ", VIEW_PRINT(problem->key));
		text_print(text, "%.*s\n", VIEW_PRINT(problem->message));
	}
	if (hidden > 0)
		text_print(text, "%s: and %zu more\n", file_name, hidden);
}
