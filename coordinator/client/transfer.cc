#include "coordinator/client/transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace keel {

RetryBudget::RetryBudget(const TransferOptions& options)
    : options_(options), delay_(options.first_delay) {}

bool RetryBudget::WaitFor(const absl::Status& error) {
  const bool first_data_loss =
      absl::IsDataLoss(error) && !std::exchange(saw_data_loss_, true);
  if (!first_data_loss && !absl::IsUnavailable(error) &&
      !absl::IsAborted(error)) {
    return false;
  }
  if (waited_ >= options_.give_up_after) return false;
  options_.sleep(delay_);
  waited_ += delay_;
  delay_ = std::min(delay_ * 2, options_.longest_delay);
  return true;
}

void RetryBudget::NoteProgress() {
  waited_ = absl::ZeroDuration();
  delay_ = options_.first_delay;
}

absl::StatusOr<v1::DataFrame> ReadFrame(const RandomAccessFile& file,
                                        int64_t offset, int64_t frame_bytes) {
  const int64_t length = std::min(frame_bytes, file.size() - offset);
  KEEL_ASSIGN_OR_RETURN(std::string data, file.Read(offset, length));
  v1::DataFrame frame;
  frame.set_offset(offset);
  frame.set_crc32(Crc32(data));
  frame.set_data(std::move(data));
  return frame;
}

absl::Status CheckFrame(const v1::DataFrame& frame, int64_t expected_offset) {
  if (frame.offset() != expected_offset) {
    return absl::DataLossError(absl::StrCat("a frame for offset ",
                                            frame.offset(), " came, ",
                                            expected_offset, " was due"));
  }
  if (Crc32(frame.data()) != frame.crc32()) {
    return absl::DataLossError(absl::StrCat(
        "the frame at offset ", frame.offset(), " was damaged on its way"));
  }
  return absl::OkStatus();
}

}  // namespace keel
