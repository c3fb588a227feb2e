#include "worker/agent/group_job.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "worker/agent/convert.h"

namespace keel {

GroupJob::GroupJob(v1::JoinGroup order, const JobResources& resources)
    : order_(std::move(order)),
      resources_(resources),
      scratch_(JoinPath(resources.identity.scratch_directory(),
                        absl::StrCat("generation-", order_.generation()))),
      rendezvous_(
          order_.generation(),
          [&send_queue = resources.send_queue](v1::StoreRequest request) {
            return send_queue.PushRequest(std::move(request));
          }),
      committed_(order_.start_step()) {}

JobPosition GroupJob::position() const {
  JobPosition position;
  position.generation = order_.generation();
  position.stream = order_.stream();
  position.phase = order_.phase();
  position.committed_step_count = committed_;
  return position;
}

v1::WorkerMessage GroupJob::Ended(const absl::Status& status) const {
  v1::WorkerMessage message;
  v1::GroupEnded& ended = *message.mutable_group_ended();
  ended.set_generation(order_.generation());
  ended.set_outcome(ToOutcome(status));
  ended.set_message(std::string(status.message()));
  ended.set_committed_step_count(committed_);
  return message;
}

v1::WorkerMessage GroupJob::Refuse(std::string_view reason) const {
  return Ended(absl::CancelledError(std::string(reason)));
}

v1::WorkerMessage GroupJob::Run() {
  absl::Status status;
  try {
    status = Train();
  } catch (const std::exception& error) {
    status = absl::InternalError(absl::StrCat("exception: ", error.what()));
  } catch (...) {
    status = absl::InternalError("exception of unknown type");
  }
  // Whatever broke after an order to leave broke because of it.
  if (!status.ok() && stop().requested().HasBeenNotified()) {
    status = absl::CancelledError(stop().reason());
  }
  rendezvous_.Close("the group ended");
  chunks_.reset();
  if (const absl::Status removed = RemoveRecursively(scratch_); !removed.ok()) {
    LogWarning("a scratch folder stays behind",
               {{"error", std::string(removed.message())}});
  }
  return Ended(status);
}

absl::Status GroupJob::Train() {
  KEEL_RETURN_IF_ERROR(RemoveRecursively(scratch_));
  KEEL_RETURN_IF_ERROR(CreateDirectories(scratch_));
  resources_.send_queue.BeginReports(order_.generation());
  JobInputs inputs(resources_.cache, stop().requested());
  absl::StatusOr<TrainJob> job = Prepare(inputs);
  if (!job.ok()) {
    // Only an order that makes no sense is the phase's fault.
    if (absl::IsInvalidArgument(job.status())) return job.status();
    const bool unable = ToOutcome(job.status()) == v1::GroupEnded::UNABLE;
    return absl::Status(
        unable ? job.status().code() : absl::StatusCode::kUnavailable,
        absl::StrCat("cannot fetch the job's files: ",
                     job.status().ToString()));
  }
  LogInfo("trains", {{"stream", job->stream},
                     {"phase", absl::StrCat(job->phase)},
                     {"generation", absl::StrCat(job->generation)},
                     {"rank", absl::StrCat(job->rank)},
                     {"world_size", absl::StrCat(job->world_size)},
                     {"start_step", absl::StrCat(job->start_step)}});
  KEEL_RETURN_IF_ERROR(resources_.executor.Train(*job, *this));
  committed_ = step_count_;
  return absl::OkStatus();
}

absl::StatusOr<TrainJob> GroupJob::Prepare(JobInputs& inputs) {
  KEEL_ASSIGN_OR_RETURN(
      const storage::v1::PhasePlan plan,
      inputs.Plan(order_.plan().digest(), order_.plan().size_bytes()));
  step_count_ = plan.step_count();
  std::map<std::string, int64_t> sizes;
  for (const auto* part : {&plan.chunks(), &plan.earlier_chunks()}) {
    for (const storage::v1::PlannedChunk& chunk : *part) {
      sizes[chunk.chunk_digest()] = chunk.chunk_size_bytes();
    }
  }
  for (const storage::v1::ReplayedChunk& chunk : plan.replay()) {
    sizes[chunk.chunk_digest()] = chunk.chunk_size_bytes();
  }
  const auto index_of = [&inputs](const std::string& digest,
                                  int64_t size_bytes) {
    return inputs.Index(digest, size_bytes);
  };
  KEEL_ASSIGN_OR_RETURN(TrainJob job, ToTrainJob(order_, plan, index_of));
  KEEL_ASSIGN_OR_RETURN(job.parent_files, inputs.Files(order_.parent_files()));
  KEEL_ASSIGN_OR_RETURN(job.resume_files, inputs.Files(order_.resume_files()));
  job.live_samples = LiveSamples(inputs);
  chunks_ =
      std::make_unique<RemoteChunkReader>(resources_.cache, resources_.fetcher,
                                          std::move(sizes), stop().cancelled());
  return job;
}

std::vector<SampleList> GroupJob::LiveSamples(JobInputs& inputs) const {
  std::vector<SampleList> all;
  for (const v1::ProbeSet& set : order_.live_probes()) {
    auto samples = inputs.Samples(set);
    if (!samples.ok()) {
      LogWarning("live drift leaves a probe set out",
                 {{"stream", order_.stream()},
                  {"probe", set.name()},
                  {"error", std::string(samples.status().message())}});
      continue;
    }
    std::move(samples->begin(), samples->end(), std::back_inserter(all));
  }
  return all;
}

void GroupJob::ReportStep(StepReport report) {
  committed_ = std::max<int64_t>(committed_, report.step + 1);
  resources_.send_queue.AddReport(order_.generation(), ToProto(report));
}

absl::Status GroupJob::Upload(ArtifactKind kind, int64_t step_count,
                              const std::vector<LocalFile>& files) {
  const absl::Notification& cancelled = stop().cancelled();
  KEEL_RETURN_IF_ERROR(resources_.send_queue.WaitForAcknowledgement(
      order_.generation(), step_count, cancelled));
  v1::ArtifactHeader header;
  header.set_cluster_id(resources_.identity.cluster_id());
  header.set_stream(order_.stream());
  header.set_phase(order_.phase());
  header.set_attempt(order_.attempt());
  header.set_generation(order_.generation());
  header.set_kind(ToProto(kind));
  header.set_step_count(step_count);
  return resources_.uploader.Upload(header, files, cancelled);
}

}  // namespace keel
