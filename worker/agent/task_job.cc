#include "worker/agent/task_job.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "worker/agent/convert.h"

namespace keel {

TaskJob::TaskJob(v1::RunTask order, const JobResources& resources)
    : order_(std::move(order)),
      resources_(resources),
      chunks_(resources.cache, resources.fetcher, {}, stop().requested()) {}

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
  JobInputs inputs(resources_.cache, stop().requested());
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
    std::vector<storage::v1::ChunkIndex> indexes;
    for (const v1::ProbeSamples& chunk : set.chunks()) {
      KEEL_ASSIGN_OR_RETURN(
          indexes.emplace_back(),
          inputs.Index(chunk.index().digest(), chunk.index().size_bytes()));
    }
    KEEL_ASSIGN_OR_RETURN(probes.emplace_back(), ToProbeSet(set, indexes));
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
  for (const RecallResult& recall : recalls) {
    *ended.mutable_evaluation()->add_recalls() = ToProto(recall);
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
  for (const DriftResult& drift : drifts) {
    *ended.mutable_drift()->add_drifts() = ToProto(drift);
  }
  return ended;
}

}  // namespace keel
