// Defaults of the sanitizers, part of every program of a sanitizer build.
// Suppressions are for third parties only; each says why.
extern "C" {

const char* __asan_default_options() {
  // Order between a test's globals is checked, too.
  return "check_initialization_order=1:strict_init_order=1";
}

const char* __ubsan_default_options() { return "print_stacktrace=1"; }

const char* __lsan_default_suppressions() { return ""; }

const char* __tsan_default_options() {
  // gRPC, protobuf, SQLite and prometheus-cpp come from Debian without
  // instrumentation: what they do to memory by themselves says nothing of a
  // race. Their locks are seen all the same.
  return "ignore_noninstrumented_modules=1:second_deadlock_stack=1";
}

const char* __tsan_default_suppressions() {
  // Abseil makes a thread's semaphore in the slow path of a lock, where its own
  // annotations hide from the sanitizer what orders that before the first post.
  return "race:synchronization_internal::Waiter::Post\n";
}

}  // extern "C"
