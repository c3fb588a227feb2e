#include "common/reason.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace keel {
namespace {

// Local to the process: on the wire it becomes a google.rpc.ErrorInfo.
constexpr absl::string_view kPayload = "keel.local/Reason";

}  // namespace

// Lines: the reason, then a key and a value for each entry, C-escaped.
absl::Status WithReason(absl::Status status, Reason reason) {
  std::string text = absl::CEscape(reason.reason);
  for (const auto& [key, value] : reason.metadata) {
    absl::StrAppend(&text, "\n", absl::CEscape(key), "\n",
                    absl::CEscape(value));
  }
  status.SetPayload(kPayload, absl::Cord(text));
  return status;
}

Reason ReasonOf(const absl::Status& status) {
  Reason reason;
  const auto payload = status.GetPayload(kPayload);
  if (!payload.has_value()) return reason;
  std::vector<std::string> lines = absl::StrSplit(std::string(*payload), '\n');
  for (std::string& line : lines) absl::CUnescape(std::string(line), &line);
  reason.reason = lines[0];
  for (size_t i = 1; i + 1 < lines.size(); i += 2) {
    reason.metadata[lines[i]] = lines[i + 1];
  }
  return reason;
}

}  // namespace keel
