// Fibers: one emulated thread's stack and registers, and the switch between two of them.
//
// On x86-64 the switch is written by hand, about twelve times faster than swapcontext, which makes a system
// call to save the signal mask. Elsewhere (aarch64) swapcontext does.
#pragma once
#include <cstdint>
#include <cstdlib>

#if defined(__x86_64__) && !defined(CUDA_EMULATOR_UCONTEXT)

// Saves the registers that a function must preserve on the running stack, stores that stack in *save and goes
// on with `next`, a stack that was left the same way. A jump, as the processor would predict a return to the
// caller.
extern "C" void cuda_emulator_switch(void **save, void *next);
asm(R"(
.text
.globl cuda_emulator_switch
.hidden cuda_emulator_switch
.type cuda_emulator_switch, @function
cuda_emulator_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov  %rsp, (%rdi)
    mov  %rsi, %rsp
    pop  %r15
    pop  %r14
    pop  %r13
    pop  %r12
    pop  %rbx
    pop  %rbp
    pop  %rcx
    jmp  *%rcx
.size cuda_emulator_switch, .-cuda_emulator_switch
)");

namespace cuda_emulator {

struct Fiber {
  void *stack_pointer;

  // Makes the fiber run `entry`, which must never return, on a stack that ends at `top`.
  void start(char *, char *top, void (*entry)()) {
    void **stack = (void **)((uintptr_t)top & ~(uintptr_t)15);
    *--stack = nullptr;  // where a return address would be: a function starts with the stack 8 bytes off 16
    *--stack = (void *)entry;
    for (int saved_register = 0; saved_register < 6; saved_register++) *--stack = nullptr;
    stack_pointer = stack;
  }
  void switch_to(Fiber &next) { cuda_emulator_switch(&stack_pointer, next.stack_pointer); }
};

}  // namespace cuda_emulator

#else
#include <ucontext.h>

namespace cuda_emulator {

struct Fiber {
  ucontext_t context;

  void start(char *bottom, char *top, void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = bottom;
    context.uc_stack.ss_size = top - bottom;
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
  }
  void switch_to(Fiber &next) { swapcontext(&context, &next.context); }
};

}  // namespace cuda_emulator

#endif
