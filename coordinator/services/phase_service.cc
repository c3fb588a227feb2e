#include "coordinator/services/phase_service.h"

#include <iterator>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/grpc/status.h"
#include "common/status_macros.h"
#include "coordinator/services/drift_reader.h"
#include "coordinator/services/ledger_reader.h"
#include "coordinator/services/paging.h"
#include "coordinator/services/reply.h"
#include "coordinator/services/state_views.h"
#include "coordinator/services/task_messages.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

// What `read` makes of a stream, under the lock.
template <typename Item, typename Read>
absl::StatusOr<std::vector<Item>> Collect(Cluster& cluster,
                                          const std::string& name, Read read) {
  auto state = cluster.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state->FindStream(name));
  std::vector<Item> items;
  read(*stream, items);
  return items;
}

v1::Recall WithOrigin(v1::Recall recall, const StreamState& stream) {
  const auto probe = stream.probes.find(recall.probe());
  if (probe == stream.probes.end()) return recall;
  const std::optional<int> origin = OriginOf(probe->second);
  if (origin) recall.set_origin(*origin);
  return recall;
}

// Copies no more than the page: there may be very many.
absl::Status FillRecallPage(Cluster& cluster,
                            const v1::ListRecallsRequest& request,
                            v1::ListRecallsResponse* response) {
  int size = 0;
  std::string after;
  KEEL_RETURN_IF_ERROR(
      ParsePage(request.page_size(), request.page_token(), &size, &after));
  auto state = cluster.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state->FindStream(request.stream()));
  const auto& recalls = stream->recalls;
  auto it = recalls.begin();
  if (!after.empty()) {
    // A key of RecallKey(""): the checkpoint's number, then the probe set.
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(after, absl::MaxSplits('/', 1));
    int phase = 0;
    if (!absl::SimpleAtoi(parts.first, &phase)) return BadPageToken();
    it = recalls.upper_bound({phase, parts.second});
  }
  for (; it != recalls.end() && response->recalls_size() < size; ++it) {
    *response->add_recalls() = WithOrigin(it->second, *stream);
  }
  if (it != recalls.end()) {
    const auto& [phase, probe] = std::prev(it)->first;
    response->set_next_page_token(PageToken(RecallKey("", phase, probe)));
  }
  return absl::OkStatus();
}

constexpr int64_t kMaxStep = std::numeric_limits<int64_t>::max();

v1::Step ShowStep(const storage::v1::StepRecord& record) {
  v1::Step step;
  step.set_number(record.step());
  step.set_generation(record.generation());
  step.set_sample_count(record.sample_count());
  step.set_loss_total(record.loss_total());
  step.set_struck_count(record.struck_size());
  return step;
}

// The steps of a page, and one more if there is one.
absl::StatusOr<std::vector<v1::Step>> StepsOfPage(
    Cluster& cluster, const v1::ListStepsRequest& request) {
  int size = 0;
  std::string after;
  KEEL_RETURN_IF_ERROR(
      ParsePage(request.page_size(), request.page_token(), &size, &after));
  int64_t last = -1;
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(after, &last) || last < 0 || last >= kMaxStep)) {
    return BadPageToken();
  }
  KEEL_ASSIGN_OR_RETURN(auto records,
                        ReadSteps(cluster, request.stream(), request.phase(),
                                  last + 1, size + 1));
  std::vector<v1::Step> steps;
  steps.reserve(records.size());
  for (const auto& record : records) steps.push_back(ShowStep(record));
  return steps;
}

absl::Status Watch(PhaseRequests& requests, grpc::ServerContext* context,
                   const v1::WatchPhaseRequest& request,
                   grpc::ServerWriter<v1::WatchPhaseResponse>* writer) {
  int number = request.number();
  int64_t revision = request.after_revision();
  while (true) {
    KEEL_ASSIGN_OR_RETURN(
        std::optional<v1::Phase> phase,
        requests.Await(request.stream(), number, revision,
                       [context] { return context->IsCancelled(); }));
    if (!phase.has_value()) return absl::OkStatus();
    // From now on this phase, even if a newer one comes.
    number = phase->number();
    revision = phase->revision();
    const bool is_final = IsFinal(phase->state());
    v1::WatchPhaseResponse response;
    *response.mutable_phase() = *std::move(phase);
    if (!writer->Write(response)) {
      return absl::CancelledError("the watcher is gone");
    }
    if (is_final) return absl::OkStatus();
  }
}

}  // namespace

grpc::Status PhaseServiceImpl::GetPhase(grpc::ServerContext*,
                                        const v1::GetPhaseRequest* request,
                                        v1::Phase* response) {
  return Reply(requests_.Get(request->stream(), request->number()), response);
}

grpc::Status PhaseServiceImpl::ListPhases(grpc::ServerContext*,
                                          const v1::ListPhasesRequest* request,
                                          v1::ListPhasesResponse* response) {
  auto phases = Collect<v1::Phase>(cluster_, request->stream(),
                                   [](const StreamState& s, auto& items) {
                                     for (const auto& [n, phase] : s.phases) {
                                       items.push_back(ShowPhase(phase));
                                     }
                                   });
  if (!phases.ok()) return ToGrpcStatus(phases.status());
  return ToGrpcStatus(FillPage(
      *std::move(phases),
      [](const v1::Phase& p) { return NumberKey(p.number()); },
      request->page_size(), request->page_token(), response->mutable_phases(),
      response->mutable_next_page_token()));
}

grpc::Status PhaseServiceImpl::WatchPhase(
    grpc::ServerContext* context, const v1::WatchPhaseRequest* request,
    grpc::ServerWriter<v1::WatchPhaseResponse>* writer) {
  return ToGrpcStatus(Watch(requests_, context, *request, writer));
}

grpc::Status PhaseServiceImpl::ClosePhase(grpc::ServerContext* context,
                                          const v1::ClosePhaseRequest* request,
                                          v1::Phase* response) {
  return Reply(
      requests_.Close(*request, [context] { return context->IsCancelled(); }),
      response);
}

grpc::Status PhaseServiceImpl::CancelPhase(
    grpc::ServerContext*, const v1::CancelPhaseRequest* request,
    v1::Phase* response) {
  return Reply(requests_.Apply(request->stream(), request->number(),
                               PhaseEvent::kCancelRequested),
               response);
}

grpc::Status PhaseServiceImpl::RetryPhase(grpc::ServerContext*,
                                          const v1::RetryPhaseRequest* request,
                                          v1::Phase* response) {
  return Reply(requests_.Retry(*request), response);
}

grpc::Status PhaseServiceImpl::SkipPhase(grpc::ServerContext*,
                                         const v1::SkipPhaseRequest* request,
                                         v1::Phase* response) {
  return Reply(requests_.Apply(request->stream(), request->number(),
                               PhaseEvent::kSkipRequested),
               response);
}

grpc::Status PhaseServiceImpl::ApprovePhase(
    grpc::ServerContext*, const v1::ApprovePhaseRequest* request,
    v1::Phase* response) {
  return Reply(requests_.Apply(request->stream(), request->number(),
                               PhaseEvent::kApproveRequested),
               response);
}

grpc::Status PhaseServiceImpl::RejectPhase(
    grpc::ServerContext*, const v1::RejectPhaseRequest* request,
    v1::Phase* response) {
  return Reply(requests_.Apply(request->stream(), request->number(),
                               PhaseEvent::kRejectRequested),
               response);
}

grpc::Status PhaseServiceImpl::ListRecalls(
    grpc::ServerContext*, const v1::ListRecallsRequest* request,
    v1::ListRecallsResponse* response) {
  return ToGrpcStatus(FillRecallPage(cluster_, *request, response));
}

grpc::Status PhaseServiceImpl::ListDrifts(grpc::ServerContext*,
                                          const v1::ListDriftsRequest* request,
                                          v1::ListDriftsResponse* response) {
  absl::Status known = cluster_.Lock()->FindStream(request->stream()).status();
  if (!known.ok()) return ToGrpcStatus(known);
  return ToGrpcStatus(ReadDriftPage(*cluster_.env().store, *request, response));
}

grpc::Status PhaseServiceImpl::ListSteps(grpc::ServerContext*,
                                         const v1::ListStepsRequest* request,
                                         v1::ListStepsResponse* response) {
  auto steps = StepsOfPage(cluster_, *request);
  if (!steps.ok()) return ToGrpcStatus(steps.status());
  return ToGrpcStatus(FillPage(
      *std::move(steps),
      [](const v1::Step& s) { return NumberKey(s.number()); },
      request->page_size(), request->page_token(), response->mutable_steps(),
      response->mutable_next_page_token()));
}

grpc::Status PhaseServiceImpl::VerifyLedger(
    grpc::ServerContext* context, const v1::VerifyLedgerRequest* request,
    v1::VerifyLedgerResponse* response) {
  auto verdicts =
      keel::VerifyLedger(cluster_, request->stream(), request->phase(),
                         [context] { return context->IsCancelled(); });
  if (!verdicts.ok()) return ToGrpcStatus(verdicts.status());
  for (v1::LedgerVerdict& verdict : *verdicts) {
    *response->add_verdicts() = std::move(verdict);
  }
  return grpc::Status::OK;
}

}  // namespace keel
