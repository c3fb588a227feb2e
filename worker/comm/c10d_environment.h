// How c10d and Gloo behave in this process.
#ifndef KEEL_WORKER_COMM_C10D_ENVIRONMENT_H_
#define KEEL_WORKER_COMM_C10D_ENVIRONMENT_H_

namespace keel {

// Sets the environment variables that c10d reads when the first group is made,
// the only way to tell it, and the signal that Gloo leaves alone. Call it while
// the process has one thread if you can; later calls do nothing.
//
// - SIGPIPE is ignored: Gloo writes to the sockets of peers that may be gone.
// - No flight recorder: it takes a stack trace at every collective, and its
//   map is shared by all groups of the process without a lock.
// - NCCL's watchdog aborts the communicator and leaves the process to us; its
//   monitor and its dumps, which would end the process, are off.
void SetC10dEnvironment();

}  // namespace keel

#endif  // KEEL_WORKER_COMM_C10D_ENVIRONMENT_H_
