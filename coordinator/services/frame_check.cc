#include "coordinator/services/frame_check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace keel {

absl::Status CheckFrame(const v1::DataFrame& frame, int64_t offset,
                        int64_t size) {
  const auto length = static_cast<int64_t>(frame.data().size());
  if (length == 0 || length > kMaxFrameBytes) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "a frame has 1 to ", kMaxFrameBytes, " bytes, not ",
                          length, " as the one at offset ", offset)),
                      {"FRAME_SIZE", {{"offset", absl::StrCat(offset)}}});
  }
  if (frame.offset() != offset) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "a frame starts at offset ", frame.offset(),
                          " where ", offset, " is due")),
                      {"FRAME_OFFSET", {{"offset", absl::StrCat(offset)}}});
  }
  if (offset + length > size) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "the frame at offset ", offset, " brings more bytes than the ",
            size, " that the header announced")),
        {"FRAME_SIZE", {{"offset", absl::StrCat(offset)}}});
  }
  if (Crc32(frame.data()) != frame.crc32()) {
    return WithReason(absl::DataLossError(absl::StrCat(
                          "the frame at offset ", offset,
                          " was damaged on its way: its checksum is wrong")),
                      {"FRAME_CHECKSUM", {{"offset", absl::StrCat(offset)}}});
  }
  return absl::OkStatus();
}

absl::Status SendBlob(BlobStore& blobs, const std::string& digest,
                      int64_t offset, int64_t length,
                      const std::function<bool(v1::DataFrame)>& send) {
  KEEL_ASSIGN_OR_RETURN(const int64_t size, blobs.Size(digest));
  if (offset < 0 || length < 0 || offset > size || length > size - offset) {
    return absl::OutOfRangeError(absl::StrCat("bytes ", offset, " + ", length,
                                              " of blob ", digest, " with ",
                                              size, " bytes"));
  }
  const int64_t end = length == 0 ? size : offset + length;
  const bool whole = offset == 0 && end == size;
  Sha256 sha256;
  while (offset < end) {
    v1::DataFrame frame;
    frame.set_offset(offset);
    KEEL_ASSIGN_OR_RETURN(
        *frame.mutable_data(),
        blobs.Read(digest, offset, std::min(kFrameBytes, end - offset)));
    frame.set_crc32(Crc32(frame.data()));
    offset += static_cast<int64_t>(frame.data().size());
    if (whole) sha256.Update(frame.data());
    if (!send(std::move(frame))) {
      return absl::CancelledError("the receiver is gone");
    }
  }
  if (whole && ToHex(sha256.Finish()) != digest) {
    return absl::DataLossError(
        absl::StrCat("blob ", digest, " is damaged on disk"));
  }
  return absl::OkStatus();
}

}  // namespace keel
