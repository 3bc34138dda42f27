#include "task/switch.h"

#include "base/must.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef HAS_ADDRESS_SANITIZER
#define HAS_ADDRESS_SANITIZER 0
#endif

#if HAS_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0u
#define VALGRIND_STACK_DEREGISTER(mark)     (void)(mark)
#endif

/* Sanitizers make frames several times as large. */
enum { STACK_SIZE = HAS_ADDRESS_SANITIZER ? 512 * 1024 : 64 * 1024 };

void stack_map(struct stack *stack)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *mapping =
		mmap(NULL, STACK_SIZE + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	must(mapping != MAP_FAILED && mprotect(mapping, page, PROT_NONE) == 0);
	*stack = (struct stack){ .memory = mapping + page, .size = STACK_SIZE };
	stack->mark = VALGRIND_STACK_REGISTER(mapping + page, mapping + page + STACK_SIZE);
}

size_t stack_size(void)
{
	return STACK_SIZE;
}

void stack_unmap(struct stack *stack)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	VALGRIND_STACK_DEREGISTER(stack->mark);
	must(munmap((char *)stack->memory - page, stack->size + page) == 0);
	*stack = (struct stack){ 0 };
}

static void stack_begin(struct stack *stack)
{
	stack->shadow = NULL;
#if HAS_ADDRESS_SANITIZER
	__asan_unpoison_memory_region(stack->memory, stack->size);
	__lsan_register_root_region(stack->memory, stack->size);
#endif
}

void stack_retire(struct stack *stack)
{
#if HAS_ADDRESS_SANITIZER
	__lsan_unregister_root_region(stack->memory, stack->size);
	__asan_unpoison_memory_region(stack->memory, stack->size);
#else
	(void)stack;
#endif
}

static void switch_announce(struct stack *from, const struct stack *to, int ends)
{
#if HAS_ADDRESS_SANITIZER
	__sanitizer_start_switch_fiber(ends ? NULL : &from->shadow, to->memory, to->size);
#else
	(void)from;
	(void)to;
	(void)ends;
#endif
}

static void switch_done(struct stack *self)
{
#if HAS_ADDRESS_SANITIZER
	__sanitizer_finish_switch_fiber(self->shadow, NULL, NULL);
#else
	(void)self;
#endif
}

void stack_arrived(struct stack *self, struct stack *from)
{
#if HAS_ADDRESS_SANITIZER
	const void *bottom = NULL;
	size_t size = 0;
	__sanitizer_finish_switch_fiber(self->shadow, &bottom, &size);
	/* The thread's own stack learns its bounds from the first task that it starts. */
	if (from->memory == NULL) {
		from->memory = (void *)(uintptr_t)bottom;
		from->size = size;
	}
#else
	(void)self;
	(void)from;
#endif
}

#if defined(__x86_64__) && !defined(TASK_UCONTEXT)

/* System V ABI 3.2.1: rbx, rbp, r12 to r15 are the callee's to preserve, and the control words of SSE and x87. */
void switch_stack_pointer(void **from, void *to);
__asm__(".text\n"
        ".p2align 4\n"
        ".globl switch_stack_pointer\n"
        ".hidden switch_stack_pointer\n"
        ".type switch_stack_pointer, @function\n"
        "switch_stack_pointer:\n"
        "	.cfi_startproc\n"
        "	endbr64\n"
        "	pushq %rbp\n"
        "	pushq %rbx\n"
        "	pushq %r12\n"
        "	pushq %r13\n"
        "	pushq %r14\n"
        "	pushq %r15\n"
        "	subq $8, %rsp\n"
        "	stmxcsr (%rsp)\n"
        "	fnstcw 4(%rsp)\n"
        "	movq %rsp, (%rdi)\n"
        "	movq %rsi, %rsp\n"
        "	ldmxcsr (%rsp)\n"
        "	fldcw 4(%rsp)\n"
        "	addq $8, %rsp\n"
        "	popq %r15\n"
        "	popq %r14\n"
        "	popq %r13\n"
        "	popq %r12\n"
        "	popq %rbx\n"
        "	popq %rbp\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size switch_stack_pointer, . - switch_stack_pointer\n");

void stack_init_thread(struct stack *stack)
{
	*stack = (struct stack){ 0 };
}

void stack_deinit_thread(struct stack *stack)
{
	(void)stack;
}

void stack_prepare(struct stack *stack, void (*run)(void))
{
	enum { CONTROL_WORDS = 0, ENTRY = 7, SLOTS = 9 };
	stack_begin(stack);
	/* As if run had been called: a return address of 0 above it, and the stack 16-aligned but for that. */
	const uintptr_t top = ((uintptr_t)stack->memory + stack->size) & ~(uintptr_t)15;
	uint64_t *slots = (uint64_t *)(top - SLOTS * sizeof(uint64_t));
	for (size_t i = 0; i < SLOTS; i++)
		slots[i] = 0;
	slots[CONTROL_WORDS] = UINT64_C(0x037f00001f80); /* the defaults: x87 0x037f, SSE 0x1f80 */
	slots[ENTRY] = (uint64_t)(uintptr_t)run;
	stack->saved = slots;
}

void stack_switch(struct stack *from, struct stack *to, int ends)
{
	switch_announce(from, to, ends);
	switch_stack_pointer(&from->saved, to->saved);
	switch_done(from);
}

#else

#include <ucontext.h>

static void context_of(struct stack *stack)
{
	if (stack->saved == NULL)
		stack->saved = must_alloc(1, sizeof(ucontext_t));
}

void stack_init_thread(struct stack *stack)
{
	*stack = (struct stack){ 0 };
	context_of(stack);
}

void stack_deinit_thread(struct stack *stack)
{
	free(stack->saved);
}

void stack_prepare(struct stack *stack, void (*run)(void))
{
	stack_begin(stack);
	/* The context lives above the first frame of its own stack. */
	const size_t room = (stack->size - sizeof(ucontext_t)) & ~(size_t)63;
	ucontext_t *context = (void *)((char *)stack->memory + room);
	stack->saved = context;
	must(getcontext(context) == 0);
	context->uc_stack.ss_sp = stack->memory;
	context->uc_stack.ss_size = room;
	context->uc_link = NULL;
	makecontext(context, run, 0);
}

void stack_switch(struct stack *from, struct stack *to, int ends)
{
	switch_announce(from, to, ends);
	must(swapcontext(from->saved, to->saved) == 0);
	switch_done(from);
}

#endif
