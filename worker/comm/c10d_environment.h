// How c10d behaves in this process; it reads that from the environment alone.
#ifndef KEEL_WORKER_COMM_C10D_ENVIRONMENT_H_
#define KEEL_WORKER_COMM_C10D_ENVIRONMENT_H_

namespace keel {

// Sets the variables that c10d reads when the first group is made. Call it
// while the process has one thread if you can; later calls do nothing.
//
// - No flight recorder: it takes a stack trace at every collective, and its
//   map is shared by all groups of the process without a lock.
// - NCCL's watchdog aborts the communicator and leaves the process to us; its
//   monitor and its dumps, which would end the process, are off.
void SetC10dEnvironment();

}  // namespace keel

#endif  // KEEL_WORKER_COMM_C10D_ENVIRONMENT_H_
