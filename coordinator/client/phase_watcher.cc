#include "coordinator/client/phase_watcher.h"

#include "common/grpc/status.h"
#include "common/status_macros.h"
#include "coordinator/core/lifecycle.h"

namespace keel {

bool EndedWell(const v1::Phase& phase) {
  return phase.state() == v1::Phase::PUBLISHED ||
         phase.state() == v1::Phase::SKIPPED;
}

absl::Status PhaseWatcher::Follow(const std::string& stream, int number,
                                  v1::Phase& phase, absl::Duration& waited) {
  v1::WatchPhaseRequest request;
  request.set_stream(stream);
  // "The newest" may be another one after a broken line.
  request.set_number(phase.number() > 0 ? phase.number() : number);
  request.set_after_revision(phase.revision());
  grpc::ClientContext context;
  const auto reader = stub_.WatchPhase(&context, request);
  v1::WatchPhaseResponse response;
  while (reader->Read(&response)) {
    phase = response.phase();
    waited = absl::ZeroDuration();
    const auto seen = std::pair(phase.number(), phase.revision());
    if (options_.show && seen != shown_) options_.show(phase);
    shown_ = seen;
  }
  return FromGrpcStatus(reader->Finish());
}

absl::StatusOr<v1::Phase> PhaseWatcher::WatchOne(const std::string& stream,
                                                 int number) {
  v1::Phase phase;
  absl::Duration waited;
  while (true) {
    const absl::Status status = Follow(stream, number, phase, waited);
    if (IsFinal(phase.state())) return phase;
    if (!status.ok() && !absl::IsUnavailable(status)) return status;
    if (waited >= options_.give_up_after) {
      return status.ok() ? absl::UnavailableError("the watch ended early")
                         : status;
    }
    if (!status.ok() && options_.lost) options_.lost(status);
    options_.sleep(options_.retry_every);
    waited += options_.retry_every;
  }
}

absl::StatusOr<int> PhaseWatcher::NextRunning(const std::string& stream,
                                              int number) {
  v1::ListPhasesRequest request;
  request.set_stream(stream);
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(
        absl::ToChronoTime(absl::Now() + options_.give_up_after));
    v1::ListPhasesResponse page;
    KEEL_RETURN_IF_ERROR(
        FromGrpcStatus(stub_.ListPhases(&context, request, &page)));
    for (const v1::Phase& phase : page.phases()) {
      if (phase.number() > number && !IsFinal(phase.state())) {
        return phase.number();
      }
    }
    if (page.next_page_token().empty()) return 0;
    request.set_page_token(page.next_page_token());
  }
}

absl::StatusOr<v1::Phase> PhaseWatcher::WatchAll(const std::string& stream) {
  int last = 0;
  while (true) {
    // 0, if none is running: the newest, or one that a chunk is about to
    // become.
    KEEL_ASSIGN_OR_RETURN(const int number, NextRunning(stream, last));
    KEEL_ASSIGN_OR_RETURN(v1::Phase phase, WatchOne(stream, number));
    if (!EndedWell(phase) || phase.number() <= last) return phase;
    last = phase.number();
  }
}

}  // namespace keel
