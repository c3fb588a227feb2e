#include "coordinator/services/tasks.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/services/task_messages.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_blob_store.h"
#include "tests/testing/memory_store.h"

namespace keel {
namespace {

class SilentSink : public MessageSink {
 public:
  void Send(v1::CoordinatorMessage message) override {
    sent.push_back(std::move(message));
  }
  void Cancel() override {}

  std::vector<v1::CoordinatorMessage> sent;
};

// A task "t1" that worker "a" holds; the time is the test's.
class TasksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Environment environment;
    environment.store = &store_;
    environment.blobs = &blobs_;
    environment.metrics = &metrics_;
    environment.clock = &clock_;
    cluster_ = Cluster::Load(environment).value();
    tasks_ = std::make_unique<Tasks>(*cluster_);
    auto state = cluster_->Lock();
    storage::v1::StreamRecord stream;
    stream.mutable_stream()->set_name("s");
    storage::v1::TaskRecord task;
    task.set_task_id("t1");
    task.set_stream("s");
    task.set_kind(storage::v1::TaskRecord::EVALUATE);
    Edit edit = cluster_->NewEdit(durable::kEndTraining);
    edit.PutStream(std::move(stream));
    edit.PutTask(std::move(task));
    ASSERT_TRUE(cluster_->Commit(*state, edit).ok());
    WorkerState& worker = state->workers["a"];
    worker.info.set_id("a");
    worker.sink = std::make_shared<SilentSink>();
    Hold(*state);
  }
  void Hold(ClusterState& state) {
    state.workers["a"].task_id = "t1";
    state.tasks["t1"].worker_id = "a";
    state.tasks["t1"].lease_end =
        clock_.Now() + cluster_->env().planner.task_lease;
  }
  void End(bool ok, bool returned) {
    auto state = cluster_->Lock();
    v1::TaskEnded ended;
    ended.set_task_id("t1");
    ended.set_ok(ok);
    ended.set_returned(returned);
    ended.set_message("no memory");
    if (ok) ended.mutable_evaluation();
    EXPECT_TRUE(
        tasks_->HandleEnded(*state, state->workers.at("a"), ended).ok());
  }
  void Release() {
    auto state = cluster_->Lock();
    EXPECT_TRUE(tasks_->Release(*state, {"t1", "its lease is over"}).ok());
  }
  TaskState Task() { return cluster_->Lock()->tasks.at("t1"); }

  testing::MemoryStore store_;
  testing::MemoryBlobStore blobs_;
  NullMetrics metrics_;
  testing::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<Tasks> tasks_;
};

TEST_F(TasksTest, StoresAResult) {
  End(/*ok=*/true, /*returned=*/false);
  EXPECT_TRUE(Task().record.done());
}

TEST_F(TasksTest, ATaskThatIsHandedBackHasNotFailed) {
  End(/*ok=*/false, /*returned=*/true);
  EXPECT_EQ(Task().record.failure_count(), 0);
  EXPECT_EQ(Task().worker_id, "");
  EXPECT_TRUE(Task().failed_workers.empty());
}

TEST_F(TasksTest, AFailureCountsOnceAndNamesItsWorker) {
  End(/*ok=*/false, /*returned=*/false);
  EXPECT_EQ(Task().record.failure_count(), 1);
  EXPECT_EQ(Task().record.last_error(), "no memory");
  EXPECT_TRUE(Task().failed_workers.contains("a"));
  EXPECT_EQ(Task().retry_time, clock_.Now() + absl::Seconds(1));
}

TEST_F(TasksTest, ALateHolderCountsOnceAlsoIfItFailsAfterwards) {
  clock_.Advance(cluster_->env().planner.task_lease);
  Release();
  EXPECT_EQ(Task().record.failure_count(), 1);
  End(/*ok=*/false, /*returned=*/false);
  EXPECT_EQ(Task().record.failure_count(), 1);
}

TEST_F(TasksTest, AResultThatComesLateIsTakenAllTheSame) {
  clock_.Advance(cluster_->env().planner.task_lease);
  Release();
  End(/*ok=*/true, /*returned=*/false);
  EXPECT_TRUE(Task().record.done());
}

TEST_F(TasksTest, TheLeaseBeginsAnewWhileTheHolderComesOn) {
  const absl::Duration lease = cluster_->env().planner.task_lease;
  clock_.Advance(lease / 2);
  {
    auto state = cluster_->Lock();
    tasks_->HandleProgress(*state, state->workers.at("a"), "t1");
    tasks_->HandleProgress(*state, state->workers.at("a"), "t2");
  }
  EXPECT_EQ(Task().lease_end, clock_.Now() + lease);
}

TEST_F(TasksTest, OnlyTheHolderExtendsTheLease) {
  const absl::Time end = Task().lease_end;
  clock_.Advance(absl::Seconds(1));
  auto state = cluster_->Lock();
  state->tasks.at("t1").worker_id = "b";
  tasks_->HandleProgress(*state, state->workers.at("a"), "t1");
  EXPECT_EQ(state->tasks.at("t1").lease_end, end);
}

TEST(TaskProbesTest, SpacedEvaluationLeavesOldProbeSetsOut) {
  StreamState stream;
  for (int phase = 0; phase <= 20; ++phase) {
    storage::v1::ProbeRecord& probe =
        stream.probes[absl::StrCat("probe-", phase)];
    probe.set_name(absl::StrCat("probe-", phase));
    probe.set_origin_phase(phase);  // 0: it was submitted
  }
  storage::v1::TaskRecord task;
  task.set_kind(storage::v1::TaskRecord::EVALUATE);
  EXPECT_EQ(ProbesOf(stream, task).size(), 21u);
  stream.record.mutable_stream()
      ->mutable_config()
      ->mutable_probe()
      ->set_evaluate(v1::ProbeConfig::SPACED);
  std::set<int> origins;
  for (const auto* probe : ProbesOf(stream, task)) {
    origins.insert(probe->origin_phase());
  }
  EXPECT_EQ(origins, (std::set<int>{0, 1, 4, 12, 16, 18, 19, 20}));
}

TEST_F(TasksTest, PausesGrowUpToHalfAMinute) {
  for (int pause : {1, 2, 4, 8, 16, 30, 30}) {
    Hold(*cluster_->Lock());
    End(/*ok=*/false, /*returned=*/false);
    EXPECT_EQ(Task().retry_time - clock_.Now(), absl::Seconds(pause));
  }
}

}  // namespace
}  // namespace keel
