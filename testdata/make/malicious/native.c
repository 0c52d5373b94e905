/* A shared library whose constructor makes the file weir-canary. x86-64 Linux, no libc. */
static long call3(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
__attribute__((constructor)) static void fire(void) {
  long fd = call3(2, (long)"weir-canary", 0101, 0644);
  call3(1, fd, (long)"weir\n", 5);
}
