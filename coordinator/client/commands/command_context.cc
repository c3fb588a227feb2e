#include "coordinator/client/commands/command_context.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace keel {

absl::Status CommandContext::Validate() {
  KEEL_ASSIGN_OR_RETURN(timeout_, ParseTimeout(timeout_text));
  if (coordinator.find(':') == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--coordinator takes HOST:PORT, got '", coordinator, "'"));
  }
  return absl::OkStatus();
}

Client& CommandContext::client() {
  if (client_ == nullptr) {
    client_ = std::make_unique<Client>(Client::Options{coordinator, timeout_});
  }
  return *client_;
}

TransferOptions CommandContext::transfer_options() const {
  TransferOptions options;
  options.give_up_after = timeout_;
  return options;
}

absl::StatusOr<absl::Duration> ParseTimeout(const std::string& text) {
  absl::Duration timeout;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    timeout = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &timeout)) {
    timeout = absl::ZeroDuration();
  }
  if (timeout <= absl::ZeroDuration() || timeout == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--timeout takes a duration such as 30s or 2m, got '", text, "'"));
  }
  return timeout;
}

absl::StatusOr<StreamAtPhase> ParseStreamAtPhase(const std::string& text) {
  StreamAtPhase parsed;
  const size_t at = text.find('@');
  parsed.stream = text.substr(0, at);
  const bool good_phase =
      at == std::string::npos ||
      (absl::SimpleAtoi(text.substr(at + 1), &parsed.phase) &&
       parsed.phase >= 0);
  if (parsed.stream.empty() || !good_phase) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a checkpoint is STREAM or STREAM@PHASE, got '", text, "'"));
  }
  return parsed;
}

}  // namespace keel
