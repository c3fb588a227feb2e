#include "coordinator/services/phase_requests.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/state_views.h"
#include "coordinator/services/text_check.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

// How long a cancelled call may go unnoticed.
constexpr absl::Duration kPoll = absl::Milliseconds(200);

absl::Status CheckWaiter(const ClusterState& state,
                         const PhaseRequests::Cancelled& cancelled) {
  if (cancelled()) return absl::CancelledError("the call was cancelled");
  if (state.shutting_down) {
    return absl::UnavailableError("the coordinator is shutting down");
  }
  return absl::OkStatus();
}

// Whether a chunk that waits becomes a phase by itself, in a moment.
bool PhaseIsDue(const StreamState& stream) {
  const v1::PhaseConfig& config = stream.record.stream().config().phase();
  return config.policy() == v1::PhaseConfig::EACH_CHUNK &&
         !stream.backlog.empty();
}

// Null: it is the next one, which is not made yet.
absl::StatusOr<PhaseState*> FindOrNewest(ClusterState& state,
                                         const std::string& name, int number) {
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state.FindStream(name));
  const auto& phases = stream->phases;
  const int newest = phases.empty() ? 0 : phases.rbegin()->first;
  if (number == newest + 1) return nullptr;
  if (number != 0) return state.FindPhase(name, number);
  if (newest == 0 || PhaseIsDue(*stream)) return nullptr;
  return state.FindPhase(name, newest);
}

std::string ReasonFor(PhaseEvent event) {
  switch (event) {
    case PhaseEvent::kCancelRequested:
      return "cancel was requested";
    case PhaseEvent::kSkipRequested:
      return "skip was requested";
    default:
      return "reject was requested";
  }
}

}  // namespace

absl::StatusOr<v1::Phase> PhaseRequests::Get(const std::string& stream,
                                             int number) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state->FindPhase(stream, number));
  return ShowPhase(*phase);
}

absl::StatusOr<std::optional<v1::Phase>> PhaseRequests::Await(
    const std::string& stream, int number, int64_t after_revision,
    const Cancelled& cancelled) {
  auto state = cluster_.Lock();
  while (true) {
    KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                          FindOrNewest(*state, stream, number));
    if (phase != nullptr) {
      const v1::Phase& shown = phase->record.phase();
      if (shown.revision() > after_revision) return ShowPhase(*phase);
      if (IsFinal(shown.state())) return std::nullopt;
    }
    KEEL_RETURN_IF_ERROR(CheckWaiter(*state, cancelled));
    state.WaitForChange(kPoll);
  }
}

absl::StatusOr<v1::Phase> PhaseRequests::Close(
    const v1::ClosePhaseRequest& request, const Cancelled& cancelled) {
  KEEL_RETURN_IF_ERROR(CheckLength("request_id", request.request_id()));
  const std::string id = absl::StrCat("close:", request.request_id().empty()
                                                    ? RandomId()
                                                    : request.request_id());
  const std::string key = RequestKey(request.stream(), id);
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state->FindStream(request.stream()));
  if (!stream->requests.contains(key)) {
    if (stream->backlog.empty()) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "no chunk of stream \"", request.stream(),
                            "\" waits for a phase")),
                        {"EMPTY_BACKLOG", {{"stream", request.stream()}}});
    }
    stream->close_requests.insert(id);
    cluster_.Notify();
  }
  while (true) {
    auto made = stream->requests.find(key);
    int number = 0;
    if (made != stream->requests.end() &&
        absl::SimpleAtoi(made->second, &number)) {
      KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                            state->FindPhase(request.stream(), number));
      return ShowPhase(*phase);
    }
    KEEL_RETURN_IF_ERROR(CheckWaiter(*state, cancelled));
    state.WaitForChange(kPoll);
  }
}

absl::StatusOr<v1::Phase> PhaseRequests::Retry(
    const v1::RetryPhaseRequest& request) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                        state->FindPhase(request.stream(), request.number()));
  const int newest = phase->record.phase().attempt();
  if (request.attempt() > newest) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "phase ", request.number(), " of ", request.stream(),
                          " has no attempt ", request.attempt())),
                      {"PHASE_STATE", {{"stream", request.stream()}}});
  }
  if (request.attempt() == 0 || request.attempt() == newest) {
    KEEL_RETURN_IF_ERROR(
        phases_.Retry(*state, request.stream(), request.number()));
    cluster_.Notify();
  }
  return ShowPhase(*phase);
}

absl::StatusOr<v1::Phase> PhaseRequests::Apply(const std::string& stream,
                                               int number, PhaseEvent event) {
  auto state = cluster_.Lock();
  KEEL_RETURN_IF_ERROR(Execute(*state, stream, number, event));
  cluster_.Notify();
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state->FindPhase(stream, number));
  return ShowPhase(*phase);
}

absl::Status PhaseRequests::Execute(ClusterState& state,
                                    const std::string& stream, int number,
                                    PhaseEvent event) {
  switch (event) {
    case PhaseEvent::kApproveRequested:
      return phases_.Approve(state, stream, number);
    case PhaseEvent::kCancelRequested:
    case PhaseEvent::kSkipRequested:
    case PhaseEvent::kRejectRequested:
      return phases_.End(state, stream, number, event, ReasonFor(event));
    default:
      return absl::InternalError("no request of a person");
  }
}

}  // namespace keel
