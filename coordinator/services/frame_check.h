// Frames of bytes on the wire: checked when received, made when sent. Pure.
#ifndef KEEL_COORDINATOR_SERVICES_FRAME_CHECK_H_
#define KEEL_COORDINATOR_SERVICES_FRAME_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "coordinator/store/blob_store.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// Bytes of a frame that is sent, and the most of one that is taken.
inline constexpr int64_t kFrameBytes = 1 << 20;
inline constexpr int64_t kMaxFrameBytes = 4 << 20;

// DATA_LOSS (FRAME_CHECKSUM): the checksum is not the data's.
// INVALID_ARGUMENT: the frame does not start at `offset`, runs past `size`, is
// empty or too large.
absl::Status CheckFrame(const v1::DataFrame& frame, int64_t offset,
                        int64_t size);

// Sends a blob's bytes [offset, offset + length) in frames; length 0: to the
// end. `send` returns false if the peer is gone (CANCELLED). OUT_OF_RANGE:
// the range is not in the blob. DATA_LOSS: the whole was sent, and is not what
// its digest says.
absl::Status SendBlob(BlobStore& blobs, const std::string& digest,
                      int64_t offset, int64_t length,
                      const std::function<bool(v1::DataFrame)>& send);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_FRAME_CHECK_H_
