// A program that runs beside this one.
#ifndef KEEL_COORDINATOR_CLIENT_CHILD_PROCESS_H_
#define KEEL_COORDINATOR_CLIENT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

// Not thread-safe; used from the thread that started it. The child gets SIGTERM
// when that thread ends, however it ends. The destructor kills what still runs.
class ChildProcess {
 public:
  // Starts `arguments[0]` with its output appended to `log_path`, in a process
  // group of its own (so that Ctrl-C reaches its parent alone), with all
  // signals at their defaults. The error names the program.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& arguments, const std::string& log_path);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Does not block.
  bool Running();
  // Nothing happens if it has ended.
  void Signal(int signal);
  // True if it ended by itself with exit code 0. Call it once it has ended.
  bool EndedWell() const;
  // "exit code 3", "signal 9".
  std::string HowItEnded() const;

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  bool ended_ = false;
  // As waitpid tells it.
  int wait_status_ = 0;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_CHILD_PROCESS_H_
