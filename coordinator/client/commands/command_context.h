// What every command of `keel` shares: the global options, the line to the
// coordinator, and which command was chosen.
#ifndef KEEL_COORDINATOR_CLIENT_COMMANDS_COMMAND_CONTEXT_H_
#define KEEL_COORDINATOR_CLIENT_COMMANDS_COMMAND_CONTEXT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/client/client.h"
#include "coordinator/client/output.h"
#include "coordinator/client/transfer.h"

namespace keel {

// Not thread-safe.
class CommandContext {
 public:
  // Set by the parser.
  std::string coordinator = "127.0.0.1:7117";
  std::string output = "table";
  std::string timeout_text = "30s";
  // The chosen command; set by its callback, run by main.
  std::function<absl::Status()> run;

  // Checks the global options. INVALID_ARGUMENT names one.
  absl::Status Validate();

  OutputFormat format() const {
    return output == "json" ? OutputFormat::kJson : OutputFormat::kTable;
  }
  bool json() const { return format() == OutputFormat::kJson; }
  absl::Duration timeout() const { return timeout_; }
  // Made at the first call.
  Client& client();
  // Gives up after the global timeout without progress.
  TransferOptions transfer_options() const;

 private:
  absl::Duration timeout_ = absl::Seconds(30);
  std::unique_ptr<Client> client_;
};

// "30s", "2m", or a number of seconds. INVALID_ARGUMENT: neither, or not
// positive.
absl::StatusOr<absl::Duration> ParseTimeout(const std::string& text);

// "name" or "name@3"; the phase is -1 (the newest) without one.
// INVALID_ARGUMENT: another form.
struct StreamAtPhase {
  std::string stream;
  int phase = -1;
};
absl::StatusOr<StreamAtPhase> ParseStreamAtPhase(const std::string& text);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_COMMANDS_COMMAND_CONTEXT_H_
