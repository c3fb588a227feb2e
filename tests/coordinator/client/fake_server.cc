// Stands in for keel-coordinator and keel-worker, by its own file's name: the
// coordinator listens, both write down what happens to them.
//
// Beside --state-dir (say /x/worker-0) it reads /x/worker-0.exit: the exit code
// with which it ends at once; and /x/worker-0.deaf: it does not heed SIGTERM.
// It appends lines such as "worker-0 start" and "worker-0 drained" to
// /x/events.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

std::string Argument(int argc, char** argv, const std::string& name) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return argv[i + 1];
  }
  return "";
}

// The socket; -1 if the endpoint is taken.
int Bind(const std::string& endpoint) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(
      std::stoi(endpoint.substr(endpoint.find(':') + 1))));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return -1;
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, nullptr);
  const std::filesystem::path state = Argument(argc, argv, "--state-dir");
  const auto note = [&](const std::string& what) {
    std::ofstream(state.parent_path() / "events", std::ios::app)
        << state.filename().string() + " " + what + "\n";
  };
  note("start");
  if (std::ifstream exit_file(state.string() + ".exit"); exit_file) {
    int code = 0;
    exit_file >> code;
    return code;
  }
  const std::string endpoint = Argument(argc, argv, "--listen");
  const int fd = endpoint.empty() ? -1 : Bind(endpoint);
  if (!endpoint.empty() && fd < 0) return 9;
  note("ready");  // before anyone can see that it listens
  if (fd >= 0 && listen(fd, 8) != 0) return 9;
  int signal = 0;
  do {
    sigwait(&term, &signal);
  } while (std::filesystem::exists(state.string() + ".deaf"));
  note("drained");
  return 0;
}
