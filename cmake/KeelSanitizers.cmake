# What is part of every program of a sanitizer build (KEEL_PROGRAM_OBJECTS).
add_library(keel_sanitizer_options OBJECT tests/testing/sanitizer_options.cc)
set(KEEL_PROGRAM_OBJECTS keel_sanitizer_options)
if(NOT KEEL_SANITIZE STREQUAL "thread")
  return()
endif()

# Abseil's mutexes, built with the thread sanitizer from the sources of the
# very package that the build uses (deploy/setup.sh sanitizers unpacks them).
# Debian's library is not instrumented, so the sanitizer would not see what its
# mutexes order, and report a race at every use of one. A program's own symbols
# come before those of a shared library: the RPC library uses these, too.
set(abseil ${KEEL_CACHE}/abseil-src)
if(NOT EXISTS ${abseil}/absl/synchronization/mutex.cc)
  message(FATAL_ERROR "No Abseil in ${abseil}: run deploy/setup.sh sanitizers (make tsan does)")
endif()
set(sources
  base/internal/low_level_alloc.cc base/internal/spinlock.cc
  base/internal/spinlock_wait.cc base/internal/sysinfo.cc
  base/internal/thread_identity.cc synchronization/barrier.cc
  synchronization/blocking_counter.cc
  synchronization/internal/create_thread_identity.cc
  synchronization/internal/graphcycles.cc
  synchronization/internal/per_thread_sem.cc synchronization/internal/waiter.cc
  synchronization/mutex.cc synchronization/notification.cc)
list(TRANSFORM sources PREPEND ${abseil}/absl/)
add_library(keel_tsan_abseil OBJECT ${sources})
target_include_directories(keel_tsan_abseil PRIVATE ${abseil})
target_compile_options(keel_tsan_abseil PRIVATE -w)
set_target_properties(keel_tsan_abseil PROPERTIES UNITY_BUILD OFF)
list(APPEND KEEL_PROGRAM_OBJECTS keel_tsan_abseil)
