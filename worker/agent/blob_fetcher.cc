#include "worker/agent/blob_fetcher.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/grpc/status.h"
#include "common/log.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "grpcpp/client_context.h"
#include "worker/agent/cancel_on_stop.h"

namespace keel {
namespace {

constexpr int kMaxBadFrames = 3;

}  // namespace

struct BlobFetcher::Transfer {
  const std::string& digest;
  // Next byte that the sink wants, and the end of the range (0: unknown).
  int64_t offset = 0;
  int64_t end = 0;
  const absl::Notification& stop;
  const Sink& sink;
  // An error of this side, which no other try changes.
  absl::Status final_error;
  int bad_frames = 0;
};

absl::Status BlobFetcher::Options::Validate() const {
  if (give_up_after <= absl::ZeroDuration() ||
      attempt_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("blob fetcher: times must be positive");
  }
  return backoff.Validate();
}

BlobFetcher::BlobFetcher(const Options& options,
                         std::shared_ptr<grpc::Channel> channel)
    : options_(options), stub_(v1::WorkerService::NewStub(channel)) {}

absl::Status BlobFetcher::Receive(Transfer& transfer,
                                  const v1::DataFrame& frame) {
  if (frame.offset() != transfer.offset ||
      frame.crc32() != Crc32(frame.data())) {
    if (++transfer.bad_frames < kMaxBadFrames) {
      return absl::UnavailableError("a damaged frame");
    }
    return transfer.final_error = absl::DataLossError(
               absl::StrCat("blob ", transfer.digest,
                            ": damaged frame at offset ", transfer.offset));
  }
  transfer.offset += static_cast<int64_t>(frame.data().size());
  return transfer.final_error = transfer.sink(frame.data());
}

absl::Status BlobFetcher::Attempt(Transfer& transfer) {
  v1::ReadBlobRequest request;
  request.set_digest(transfer.digest);
  request.set_offset(transfer.offset);
  if (transfer.end > 0) request.set_length(transfer.end - transfer.offset);
  grpc::ClientContext context;
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + options_.attempt_timeout));
  const CancelOnStop cancel(context, transfer.stop);
  const auto reader = stub_->ReadBlob(&context, request);
  v1::ReadBlobResponse response;
  absl::Status received;
  while (received.ok() && reader->Read(&response)) {
    received = transfer.stop.HasBeenNotified()
                   ? absl::CancelledError("stopped")
                   : Receive(transfer, response.frame());
  }
  if (!received.ok()) context.TryCancel();
  const absl::Status status = FromGrpcStatus(reader->Finish());
  return received.ok() ? status : received;
}

absl::Status BlobFetcher::Fetch(const std::string& digest, int64_t offset,
                                int64_t length, const absl::Notification& stop,
                                const Sink& sink) {
  Transfer transfer{digest, offset, length > 0 ? offset + length : 0, stop,
                    sink};
  Backoff backoff(options_.backoff);
  absl::Time give_up = SteadyNow() + options_.give_up_after;
  while (true) {
    const int64_t before = transfer.offset;
    absl::Status status = Attempt(transfer);
    if (status.ok() && transfer.end > 0 && transfer.offset < transfer.end) {
      return absl::OutOfRangeError(
          absl::StrCat("blob ", digest, " ends at ", transfer.offset));
    }
    if (status.ok() || !transfer.final_error.ok()) return status;
    if (stop.HasBeenNotified()) return absl::CancelledError("stopped");
    if (!IsTransient(status)) return status;
    if (transfer.offset > before) {
      backoff.Reset();
      give_up = SteadyNow() + options_.give_up_after;
    } else if (SteadyNow() >= give_up) {
      return absl::UnavailableError(
          absl::StrCat("blob ", digest, ": no answer for ",
                       absl::FormatDuration(options_.give_up_after), ": ",
                       status.message()));
    }
    LogDebug("a transfer broke off",
             {{"blob", digest}, {"error", std::string(status.message())}});
    stop.WaitForNotificationWithTimeout(backoff.Next());
  }
}

}  // namespace keel
