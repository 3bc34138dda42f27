/* The switch between stacks: the one place that knows how.
 * Promises: what the platform's calling convention calls preserved is preserved; AddressSanitizer, LeakSanitizer and
 *   Valgrind are told.
 * Does not know: tasks. */
#ifndef TASK_SWITCH_H
#define TASK_SWITCH_H

#include <stddef.h>

/* A stack with what is saved of whoever ran on it. The thread's own stack has one too, with memory NULL. */
struct stack {
	void *memory; /* lowest usable byte; a guard page lies below */
	size_t size;
	void *saved;   /* x86-64: stack pointer; elsewhere: ucontext_t */
	void *shadow;  /* AddressSanitizer's fake stack */
	unsigned mark; /* Valgrind's number */
};

void stack_init_thread(struct stack *stack);
void stack_deinit_thread(struct stack *stack);
/* Mapped, or aborts. run(argument) starts at the first switch to it, and must not return. */
void stack_map(struct stack *stack);
void stack_unmap(struct stack *stack);
size_t stack_size(void); /* of each that is mapped */
void stack_prepare(struct stack *stack, void (*run)(void));
/* What ran on it has ended: what its dead frames point to counts as lost. It may be prepared again. */
void stack_retire(struct stack *stack);
/* Leaves from, goes on in to; returns when somebody switches back. ends: from is never switched to again. */
void stack_switch(struct stack *from, struct stack *to, int ends);
/* First thing that run does. */
void stack_arrived(struct stack *self, struct stack *from);

#endif
