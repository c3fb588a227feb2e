#include "worker/agent/task_job.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "worker/agent/convert.h"

namespace keel {
namespace {

// What the coordinator takes in one message, less some room for the envelope.
constexpr size_t kMaxResultBytes = (16 << 20) - 1024;

// A result that no message can carry would break the stream again and again.
absl::StatusOr<v1::TaskEnded> CheckSize(v1::TaskEnded ended) {
  if (const size_t bytes = ended.ByteSizeLong(); bytes > kMaxResultBytes) {
    return absl::OutOfRangeError(absl::StrCat("the result has ", bytes,
                                              " bytes; at most ",
                                              kMaxResultBytes, " can be sent"));
  }
  return ended;
}

}  // namespace

TaskJob::TaskJob(v1::RunTask order, const JobResources& resources)
    : order_(std::move(order)),
      resources_(resources),
      chunks_(resources.cache, resources.fetcher, {}, stop().requested(),
              [this] { stop().NoteProgress(); }) {}

JobPosition TaskJob::position() const {
  JobPosition position;
  position.stream = order_.stream();
  position.phase = order_.phase();
  position.task_id = order_.task_id();
  return position;
}

v1::WorkerMessage TaskJob::Refuse(std::string_view reason) const {
  v1::WorkerMessage message;
  message.mutable_task_ended()->set_task_id(order_.task_id());
  message.mutable_task_ended()->set_message(std::string(reason));
  message.mutable_task_ended()->set_returned(true);
  return message;
}

v1::WorkerMessage TaskJob::Run() {
  LogInfo("works on a task", {{"task", order_.task_id()},
                              {"stream", order_.stream()},
                              {"phase", absl::StrCat(order_.phase())}});
  absl::StatusOr<v1::TaskEnded> ended;
  try {
    ended = Work();
    if (ended.ok()) ended = CheckSize(*std::move(ended));
  } catch (const std::exception& error) {
    ended = absl::InternalError(absl::StrCat("exception: ", error.what()));
  } catch (...) {
    ended = absl::InternalError("exception of unknown type");
  }
  // Whatever broke after an order to stop broke because of it.
  if (!ended.ok() && stop().requested().HasBeenNotified()) {
    return Refuse(stop().reason());
  }
  v1::WorkerMessage message;
  v1::TaskEnded& result = *message.mutable_task_ended();
  if (ended.ok()) {
    result = std::move(*ended);
  } else {
    result.set_message(ended.status().ToString());
  }
  result.set_task_id(order_.task_id());
  result.set_ok(ended.ok());
  return message;
}

absl::StatusOr<v1::TaskEnded> TaskJob::Work() {
  JobInputs inputs(resources_.cache, stop().requested(),
                   [this] { stop().NoteProgress(); });
  switch (order_.kind_case()) {
    case v1::RunTask::kEvaluate:
      return Evaluate(inputs);
    case v1::RunTask::kDrift:
      return MeasureDrift(inputs);
    default:
      return absl::UnimplementedError("a task of a kind that is not known");
  }
}

absl::StatusOr<std::vector<ProbeSet>> TaskJob::Probes(JobInputs& inputs) {
  std::vector<ProbeSet> probes;
  for (const v1::ProbeSet& set : order_.probes()) {
    ProbeSet& probe = probes.emplace_back();
    probe.name = set.name();
    KEEL_ASSIGN_OR_RETURN(probe.samples, inputs.Samples(set));
  }
  return probes;
}

absl::StatusOr<v1::TaskEnded> TaskJob::Evaluate(JobInputs& inputs) {
  EvaluateJob job = ToEvaluateJob(order_);
  KEEL_ASSIGN_OR_RETURN(job.probes, Probes(inputs));
  KEEL_ASSIGN_OR_RETURN(job.files, inputs.Files(order_.evaluate().files()));
  KEEL_ASSIGN_OR_RETURN(const std::vector<RecallResult> recalls,
                        resources_.executor.Evaluate(job, *this));
  v1::TaskEnded ended;
  // Also if nothing could be measured.
  v1::EvaluationResult& result = *ended.mutable_evaluation();
  for (const RecallResult& recall : recalls) {
    *result.add_recalls() = ToProto(recall);
  }
  return ended;
}

absl::StatusOr<v1::TaskEnded> TaskJob::MeasureDrift(JobInputs& inputs) {
  DriftJob job = ToDriftJob(order_);
  KEEL_ASSIGN_OR_RETURN(job.probes, Probes(inputs));
  KEEL_ASSIGN_OR_RETURN(job.files, inputs.Files(order_.drift().files()));
  KEEL_ASSIGN_OR_RETURN(job.reference_files,
                        inputs.Files(order_.drift().reference_files()));
  KEEL_ASSIGN_OR_RETURN(const std::vector<DriftResult> drifts,
                        resources_.executor.MeasureDrift(job, *this));
  v1::TaskEnded ended;
  // Also if nothing could be measured.
  v1::DriftResult& result = *ended.mutable_drift();
  for (const DriftResult& drift : drifts) {
    *result.add_drifts() = ToProto(drift);
  }
  return ended;
}

}  // namespace keel
