#include "tests/worker/train/phase_harness.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "absl/base/call_once.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/file_system.h"
#include "tests/testing/memory_rendezvous.h"
#include "tests/worker/train/small_model.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/train/optimizer.h"

namespace keel {
namespace {

std::string UniqueFolder() {
  static int count = 0;
  return absl::StrCat(::testing::TempDir(), "/phase", getpid(), "-", count++);
}

// Reads that come to nothing before `release`.
class HangingChunks : public ChunkReader {
 public:
  absl::StatusOr<std::string> Read(const std::string&, int64_t,
                                   int64_t) override {
    absl::call_once(once_, [this] { reached.Notify(); });
    release.WaitForNotification();
    return absl::UnavailableError("it was too late");
  }

  absl::Notification reached;
  absl::Notification release;

 private:
  absl::once_flag once_;
};

}  // namespace

PhaseHarness::PhaseHarness() : folder_(UniqueFolder()), failing_(8) {
  job.stream = "s";
  job.generation = 1;
  job.config.model = SmallModelConfig();
  job.config.method.name = "modx";
  job.config.train = {.epochs = 7, .global_batch = 10, .lr = 1e-3, .seed = 5};
  job.config.resume_every = absl::Hours(1);
  job.samples = FillWithPictures(chunks_, 30);
  job.sample_count = 30;
}

PhaseHarness::~PhaseHarness() { std::filesystem::remove_all(folder_); }

PhaseHarness::Result PhaseHarness::TrainParent() {
  const StreamConfig config = job.config;
  job.config.train.epochs = 2;
  job.config.train.seed = 9;
  Result parent = Train(1);
  job.config = config;
  job.phase = 1;
  job.parent = 0;
  job.parent_files = parent.Files(ArtifactKind::kResult, 6);
  return parent;
}

void PhaseHarness::AddBrokenSample() {
  SampleList& list = job.samples.back();
  list.samples.push_back(chunks_.Add(list.chunk_digest, "broken",
                                     ImageFormat::kPng, "no picture",
                                     {"broken"}));
  ++job.sample_count;
}

void PhaseHarness::Replay(int64_t count, int per_batch) {
  job.sample_count -= count;
  job.replay_count = count;
  job.config.method.replay_per_batch = per_batch;
}

void PhaseHarness::FailReads(int rank, absl::Status status) {
  failing_[rank] = std::make_unique<FakeChunks>();
  failing_[rank]->FailWith(std::move(status));
}

std::string PhaseHarness::ScratchOf(int rank) {
  const std::string folder = absl::StrCat(folder_, "/", runs_, "-", rank);
  std::filesystem::create_directories(folder);
  return folder;
}

absl::Status PhaseHarness::RunMember(int rank, int world_size,
                                     TrainContext& context) const {
  TrainJob mine = job;
  mine.rank = rank;
  mine.world_size = world_size;
  auto executor = MakeExecutor(options, *metrics);
  return executor.ok() ? (*executor)->Train(mine, context) : executor.status();
}

PhaseHarness::Result PhaseHarness::RunWithHangingPeer() {
  ++runs_;
  testing::MemoryRendezvous store;
  HangingChunks hanging;
  testing::FakeTrainContext first(store, chunks_, ScratchOf(0));
  testing::FakeTrainContext second(store, hanging, ScratchOf(1));
  Result result;
  result.statuses.resize(2);
  std::thread peer([&] { result.statuses[1] = RunMember(1, 2, second); });
  std::thread member([&] { result.statuses[0] = RunMember(0, 2, first); });
  hanging.reached.WaitForNotification();
  first.Cancel();
  member.join();
  hanging.release.Notify();
  peer.join();
  result.reports = first.reports();
  return result;
}

PhaseHarness::Result PhaseHarness::Run(int world_size, int64_t stop_after) {
  ++runs_;
  testing::MemoryRendezvous store;
  std::vector<std::unique_ptr<testing::FakeTrainContext>> contexts;
  for (int rank = 0; rank < world_size; ++rank) {
    FakeChunks& chunks = failing_[rank] ? *failing_[rank] : chunks_;
    contexts.push_back(std::make_unique<testing::FakeTrainContext>(
        store, chunks, ScratchOf(rank)));
  }
  if (stop_after >= 0) contexts[0]->StopAfter(stop_after);
  Result result;
  result.statuses.resize(world_size);
  std::vector<std::thread> members;
  for (int rank = 0; rank < world_size; ++rank) {
    members.emplace_back([&, rank] {
      result.statuses[rank] = RunMember(rank, world_size, *contexts[rank]);
    });
  }
  for (std::thread& member : members) member.join();
  result.reports = contexts[0]->reports();
  result.uploads = contexts[0]->uploads();
  return result;
}

PhaseHarness::Result PhaseHarness::Train(int world_size) {
  Result result = Run(world_size);
  for (const absl::Status& status : result.statuses) {
    EXPECT_TRUE(status.ok()) << status;
  }
  return result;
}

void PhaseHarness::ExpectLosses(const Result& actual, const Result& expected,
                                double bound) {
  ASSERT_EQ(actual.reports.size(), expected.reports.size());
  for (size_t i = 0; i < expected.reports.size(); ++i) {
    const double loss = expected.reports[i].loss_total;
    EXPECT_NEAR(actual.reports[i].loss_total, loss, bound * loss) << i;
  }
}

const std::vector<LocalFile>& PhaseHarness::Result::Files(
    ArtifactKind kind, int64_t step_count) const {
  static const std::vector<LocalFile> none;
  const auto it = uploads.find({kind, step_count});
  EXPECT_TRUE(it != uploads.end()) << "nothing uploaded at " << step_count;
  return it == uploads.end() ? none : it->second;
}

ClipModel PhaseHarness::Result::Weights(ArtifactKind kind,
                                        int64_t step_count) const {
  return LoadModel(Files(kind, step_count)).value();
}

double PhaseHarness::WeightError(const ClipModel& actual,
                                 const ClipModel& expected) {
  std::vector<at::Tensor> differences, references;
  for (const NamedTensor& p : expected.parameters()) {
    differences.push_back(actual.Get(p.name) - p.tensor);
    references.push_back(p.tensor);
  }
  return (GlobalNorm(differences) / GlobalNorm(references)).item<double>();
}

std::string PhaseHarness::Result::Model(ArtifactKind kind,
                                        int64_t step_count) const {
  for (const LocalFile& file : Files(kind, step_count)) {
    if (file.name == "open_clip_model.safetensors") {
      return *ReadFile(file.path);
    }
  }
  ADD_FAILURE() << "no model uploaded at " << step_count;
  return "";
}

}  // namespace keel
