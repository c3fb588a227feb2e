// A leased task: measures a checkpoint.
#ifndef KEEL_WORKER_AGENT_TASK_JOB_H_
#define KEEL_WORKER_AGENT_TASK_JOB_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keel/v1/worker.pb.h"
#include "worker/agent/job.h"
#include "worker/agent/job_inputs.h"
#include "worker/agent/remote_chunk_reader.h"
#include "worker/seam/environment.h"

namespace keel {

class TaskJob : public Job, private TaskContext {
 public:
  TaskJob(v1::RunTask order, const JobResources& resources);

  v1::WorkerMessage Run() override;
  v1::WorkerMessage Refuse(std::string_view reason) const override;
  JobPosition position() const override;

 private:
  ChunkReader& chunks() override { return chunks_; }
  bool stop_requested() const override { return stop().Poll(); }
  bool cancelled() const override {
    return stop().requested().HasBeenNotified();
  }

  absl::StatusOr<v1::TaskEnded> Work();
  absl::StatusOr<v1::TaskEnded> Evaluate(JobInputs& inputs);
  absl::StatusOr<v1::TaskEnded> MeasureDrift(JobInputs& inputs);
  absl::StatusOr<std::vector<ProbeSet>> Probes(JobInputs& inputs);

  const v1::RunTask order_;
  const JobResources resources_;
  RemoteChunkReader chunks_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_TASK_JOB_H_
