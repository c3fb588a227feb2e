// A member's part in one generation of a group.
#ifndef KEEL_WORKER_AGENT_GROUP_JOB_H_
#define KEEL_WORKER_AGENT_GROUP_JOB_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keel/v1/worker.pb.h"
#include "worker/agent/job.h"
#include "worker/agent/job_inputs.h"
#include "worker/agent/remote_chunk_reader.h"
#include "worker/agent/rendezvous_client.h"
#include "worker/seam/environment.h"

namespace keel {

// Fetches plan, indexes and files, then trains. The lost Attach stream closes
// the rendezvous, which only a group that still forms needs.
class GroupJob : public Job, private TrainContext {
 public:
  GroupJob(v1::JoinGroup order, const JobResources& resources);

  v1::WorkerMessage Run() override;
  v1::WorkerMessage Refuse(std::string_view reason) const override;
  JobPosition position() const override;
  RendezvousClient* rendezvous() override { return &rendezvous_; }

 private:
  RendezvousStore& store() override { return rendezvous_; }
  ChunkReader& chunks() override { return *chunks_; }
  const std::string& scratch_directory() const override { return scratch_; }
  bool stop_requested() const override { return stop().Poll(); }
  bool cancelled() const override {
    return stop().cancelled().HasBeenNotified();
  }
  void ReportStep(StepReport report) override;
  // Waits until the steps that the files contain are in the ledger: neither a
  // result nor a resume point is ever ahead of it.
  absl::Status Upload(ArtifactKind kind, int64_t step_count,
                      const std::vector<LocalFile>& files) override;

  absl::Status Train();
  absl::StatusOr<TrainJob> Prepare(JobInputs& inputs);
  // A set that cannot be had is left out.
  std::vector<SampleList> LiveSamples(JobInputs& inputs) const;
  v1::WorkerMessage Ended(const absl::Status& status) const;

  const v1::JoinGroup order_;
  const JobResources resources_;
  const std::string scratch_;
  RendezvousClient rendezvous_;
  std::atomic<int64_t> committed_;
  // Job thread only.
  int64_t step_count_ = 0;
  std::unique_ptr<RemoteChunkReader> chunks_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_GROUP_JOB_H_
