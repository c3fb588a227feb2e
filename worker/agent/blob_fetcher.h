// Reads the coordinator's blobs.
#ifndef KEEL_WORKER_AGENT_BLOB_FETCHER_H_
#define KEEL_WORKER_AGENT_BLOB_FETCHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "keel/v1/worker.grpc.pb.h"
#include "worker/agent/backoff.h"

namespace keel {

// Thread-safe. Blocks.
class BlobFetcher {
 public:
  struct Options {
    // Given up once no byte came for this long, over all tries.
    absl::Duration give_up_after = absl::Minutes(10);
    // One try; what it brought is kept.
    absl::Duration attempt_timeout = absl::Minutes(5);
    Backoff::Options backoff;
    // INVALID_ARGUMENT: names the field.
    absl::Status Validate() const;
  };
  // Takes the next bytes; an error ends the fetch and is returned.
  using Sink = std::function<absl::Status(std::string_view)>;

  BlobFetcher(const Options& options, std::shared_ptr<grpc::Channel> channel);

  // Gives the bytes [offset, offset + length) to `sink`, each once and in
  // order; length 0: to the end. Goes on where a broken transfer stopped.
  // UNAVAILABLE: the coordinator was away too long. CANCELLED: `stop` was
  // notified. DATA_LOSS: frames with wrong checksums, repeatedly. NOT_FOUND
  // and the like: the coordinator's answer.
  absl::Status Fetch(const std::string& digest, int64_t offset, int64_t length,
                     const absl::Notification& stop, const Sink& sink);

 private:
  struct Transfer;
  absl::Status Attempt(Transfer& transfer);
  absl::Status Receive(Transfer& transfer, const v1::DataFrame& frame);

  const Options options_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_BLOB_FETCHER_H_
