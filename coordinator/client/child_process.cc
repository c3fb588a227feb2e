#include "coordinator/client/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace keel {
namespace {

// Runs in the child, between fork and exec: nothing but system calls. Returns
// only if something failed, with errno set.
void BecomeProgram(char* const* arguments, int log, pid_t parent) {
  setpgid(0, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return;
  // The parent may have died before the line above.
  if (getppid() != parent) _exit(1);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE}) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) return;
  execv(arguments[0], arguments);
}

// What the child has written: errno, or nothing if exec has closed the pipe.
int ReadError(int pipe) {
  int error = 0;
  ssize_t got;
  do {
    got = read(pipe, &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  return got == sizeof(error) ? error : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& arguments, const std::string& log_path) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const int log =
      open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", log_path));
  }
  absl::Cleanup close_log = [log] { close(log); };
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe");
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    BecomeProgram(argv.data(), log, parent);
    const int error = errno;
    const ssize_t written = write(report[1], &error, sizeof(error));
    _exit(written == sizeof(error) ? 127 : 126);
  }
  const int fork_error = errno;
  close(report[1]);
  const int error = pid < 0 ? fork_error : ReadError(report[0]);
  close(report[0]);
  if (error == 0) return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
  if (pid > 0) waitpid(pid, nullptr, 0);
  return absl::ErrnoToStatus(error,
                             absl::StrCat("cannot start ", arguments[0]));
}

ChildProcess::~ChildProcess() {
  if (!Running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool ChildProcess::Running() {
  if (!ended_) ended_ = waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  return !ended_;
}

void ChildProcess::Signal(int signal) {
  // Not reaped yet, so the pid is still its own.
  if (Running()) kill(pid_, signal);
}

bool ChildProcess::EndedWell() const {
  return ended_ && WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0;
}

std::string ChildProcess::HowItEnded() const {
  if (!ended_) return "still running";
  if (WIFSIGNALED(wait_status_)) {
    return absl::StrCat("signal ", WTERMSIG(wait_status_));
  }
  return absl::StrCat("exit code ", WEXITSTATUS(wait_status_));
}

}  // namespace keel
