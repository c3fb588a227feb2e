#include "coordinator/services/tasks.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/services/task_messages.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/memory_blob_store.h"
#include "tests/testing/memory_store.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

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
    environment.max_message_bytes = 10'000;
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
  bool Adopt(int64_t incarnation) {
    auto state = cluster_->Lock();
    v1::Hello hello;
    hello.mutable_worker()->set_id("a");
    hello.mutable_worker()->set_incarnation(incarnation);
    return tasks_->Adopt(*state, hello);
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

TEST_F(TasksTest, AHolderThatIsLostIsCountedApart) {
  Release();
  EXPECT_EQ(Task().record.loss_count(), 1);
  EXPECT_EQ(Task().record.failure_count(), 0);
  EXPECT_EQ(Task().record.last_error(), "its lease is over");
  EXPECT_TRUE(Task().failed_workers.contains("a"));
  EXPECT_EQ(Task().worker_id, "");
}

// The planner finds it and has it counted.
TEST_F(TasksTest, ARestartedHolderKeepsItsTaskUntilItIsTakenBack) {
  EXPECT_FALSE(Adopt(/*incarnation=*/2));
  EXPECT_EQ(Task().worker_id, "a");
}

TEST_F(TasksTest, AnOrderThatWasLostIsNoLoss) {
  EXPECT_FALSE(Adopt(/*incarnation=*/0));
  EXPECT_EQ(Task().worker_id, "");
  EXPECT_EQ(Task().record.loss_count(), 0);
}

TEST_F(TasksTest, AnOrderThatIsTooLargeFailsByName) {
  auto state = cluster_->Lock();
  state->workers.at("a").task_id.clear();
  StreamState& stream = state->streams.at("s");
  v1::CheckpointFile& file = *stream.checkpoints[0].add_files();
  EXPECT_TRUE(tasks_->Assign(*state, {"t1", "a", ""}).ok());
  EXPECT_EQ(state->workers.at("a").task_id, "t1");
  state->workers.at("a").task_id.clear();
  file.set_name(std::string(10'000, 'x'));
  EXPECT_TRUE(tasks_->Assign(*state, {"t1", "a", ""}).ok());
  const storage::v1::TaskRecord& task = state->tasks.at("t1").record;
  EXPECT_EQ(task.failure_count(), 1);
  EXPECT_THAT(task.last_error(), HasSubstr("bytes; at most 10000 are sent"));
  EXPECT_EQ(state->workers.at("a").task_id, "");
}

// A stream after as many phases, each with 5,000 held-out samples.
StreamState LongStream(int phase_count) {
  StreamState stream;
  stream.record.mutable_stream()->set_name("s");
  for (int number = 1; number <= phase_count; ++number) {
    const std::string name = absl::StrCat("phase-", number);
    storage::v1::ProbeRecord& probe = stream.probes[name];
    probe.set_name(name);
    probe.set_held_out_phase(number);
    storage::v1::PlannedChunk& chunk = *probe.add_chunks();
    for (int i = 0; i < 5000; ++i) chunk.add_probe_ordinals(20 * i);
    storage::v1::PhaseRecord& record = stream.phases[number].record;
    record.set_plan_digest(std::string(64, 'a'));
    record.mutable_phase()->set_stream("s");
    record.mutable_phase()->set_number(number);
    record.mutable_phase()->set_parent(number - 1);
    if (number < phase_count) stream.checkpoints[number];
  }
  stream.phases[phase_count].record.mutable_phase()->set_state(
      v1::Phase::EVALUATING);
  return stream;
}

void Space(StreamState& stream) {
  stream.record.mutable_stream()
      ->mutable_config()
      ->mutable_probe()
      ->set_evaluate(v1::ProbeConfig::SPACED);
}

// Makes the tasks that follow phase `number`, in place of all others.
void MakeTasks(Cluster& cluster, ClusterState& state, const StreamState& stream,
               int number) {
  state.tasks.clear();
  Edit edit = cluster.NewEdit(durable::kEndTraining);
  Tasks::AddFor(state, stream, stream.phases.at(number), edit);
  ASSERT_TRUE(cluster.Commit(state, edit).ok());
}

TEST(TaskProbesTest, AnOrderForAThousandPhasesStaysSmall) {
  const StreamState stream = LongStream(1000);
  storage::v1::TaskRecord task;
  task.set_kind(storage::v1::TaskRecord::DRIFT);
  task.set_checkpoint(1000);
  task.set_reference_phase(999);
  task.set_reference("parent");
  const auto order = TaskMessage(stream, task, absl::Minutes(1));
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->probes_size(), 1000);
  EXPECT_EQ(order->probes(0).plan().digest(), std::string(64, 'a'));
  EXPECT_LT(order->ByteSizeLong(), 200'000u);
}

TEST_F(TasksTest, SpacedEvaluationBoundsTheMeasuresOfDriftToo) {
  auto state = cluster_->Lock();
  StreamState stream = LongStream(300);
  MakeTasks(*cluster_, *state, stream, 300);
  // Recall, also of the first model; drift against the parent and 298 origins.
  EXPECT_EQ(state->tasks.size(), 301u);

  Space(stream);
  MakeTasks(*cluster_, *state, stream, 300);
  std::set<int> references;
  for (const auto& [id, task] : state->tasks) {
    EXPECT_LE(ProbesOf(stream, task.record).size(), 11u);
    EXPECT_GE(ProbesOf(stream, task.record).size(), 1u);
    references.insert(task.record.reference_phase());
  }
  EXPECT_EQ(references,
            (std::set<int>{0, 1, 44, 172, 236, 268, 284, 292, 296, 298, 299}));
}

// Reference checkpoints of the drift against origins.
std::set<int> DriftOrigins(const ClusterState& state) {
  std::set<int> origins;
  for (const auto& [id, task] : state.tasks) {
    if (task.record.reference() == "origin") {
      origins.insert(task.record.reference_phase());
    }
  }
  return origins;
}

TEST_F(TasksTest, ASubmittedSetIsHeldAgainstTheOriginThatItCameWith) {
  auto state = cluster_->Lock();
  StreamState stream = LongStream(4);
  stream.probes.clear();
  stream.checkpoints[0];
  stream.record.mutable_stream()->set_initial_checkpoint("uploaded");
  const auto submit = [&stream](const char* name, int origin) {
    stream.probes[name].set_name(name);
    stream.probes[name].set_submitted_origin(origin);
  };
  submit("first", 0);
  submit("second", 1);
  submit("parents", 3);
  submit("to-come", 7);
  stream.probes["unknown"].set_name("unknown");
  MakeTasks(*cluster_, *state, stream, 4);
  EXPECT_EQ(DriftOrigins(*state), (std::set<int>{0, 1}));
  storage::v1::TaskRecord task;
  task.set_kind(storage::v1::TaskRecord::DRIFT);
  task.set_checkpoint(4);
  task.set_reference("origin");
  task.set_reference_phase(0);
  ASSERT_EQ(ProbesOf(stream, task).size(), 1u);
  EXPECT_EQ(ProbesOf(stream, task)[0]->name(), "first");
  // Random weights know no domain.
  stream.record.mutable_stream()->clear_initial_checkpoint();
  MakeTasks(*cluster_, *state, stream, 4);
  EXPECT_EQ(DriftOrigins(*state), (std::set<int>{1}));
}

TEST(TaskProbesTest, ASubmittedOriginBringsNoSetBackThatSpacedLeavesOut) {
  StreamState stream = LongStream(300);
  Space(stream);
  stream.probes["exam"].set_name("exam");
  stream.probes["exam"].set_submitted_origin(50);
  storage::v1::TaskRecord task;
  task.set_kind(storage::v1::TaskRecord::DRIFT);
  task.set_checkpoint(300);
  task.set_reference("origin");
  task.set_reference_phase(50);
  ASSERT_EQ(ProbesOf(stream, task).size(), 1u);
  EXPECT_EQ(ProbesOf(stream, task)[0]->name(), "exam");
}

// Checkpoints that are to be measured in recall after phase 3.
std::set<int> Evaluated(const ClusterState& state) {
  std::set<int> checkpoints;
  for (const auto& [id, task] : state.tasks) {
    if (task.record.kind() == storage::v1::TaskRecord::EVALUATE) {
      checkpoints.insert(task.record.checkpoint());
    }
  }
  return checkpoints;
}

TEST_F(TasksTest, TheFirstTrainedModelIsMeasuredOnNewProbeSetsToo) {
  auto state = cluster_->Lock();
  StreamState stream = LongStream(3);
  stream.checkpoints[0];
  for (int phase : {0, 1}) {
    for (const char* probe : {"phase-1", "phase-2"}) {
      stream.recalls[{phase, probe}];
    }
  }
  const auto evaluated = [&] {
    MakeTasks(*cluster_, *state, stream, 3);
    return Evaluated(*state);
  };
  EXPECT_EQ(evaluated(), (std::set<int>{0, 1, 3}));
  storage::v1::TaskRecord task;
  task.set_kind(storage::v1::TaskRecord::EVALUATE);
  task.set_checkpoint(1);
  ASSERT_EQ(ProbesOf(stream, task).size(), 1u);
  EXPECT_EQ(ProbesOf(stream, task)[0]->name(), "phase-3");
  // One that started from an uploaded checkpoint is held against that.
  stream.record.mutable_stream()->set_initial_checkpoint("uploaded");
  EXPECT_EQ(evaluated(), (std::set<int>{0, 3}));
  stream.recalls[{0, "phase-3"}];
  EXPECT_EQ(evaluated(), (std::set<int>{3}));
}

TEST(TaskProbesTest, LiveDriftIsMeasuredOnAFewSetsUpToItsPhase) {
  StreamState stream = LongStream(100);
  stream.probes["exam"].set_name("exam");
  stream.probes["exam"].add_chunks()->set_index_digest("i");
  std::set<std::string> names;
  for (const v1::ProbeSet& set : LiveProbes(stream, 20)) {
    names.insert(set.name());
  }
  EXPECT_EQ(names, (std::set<std::string>{"exam", "phase-1", "phase-4",
                                          "phase-12", "phase-16", "phase-18",
                                          "phase-19", "phase-20"}));
  stream.phases[4].record.clear_plan_digest();
  EXPECT_EQ(LiveProbes(stream, 20).size(), 7u);
}

TEST(TaskProbesTest, SpacedEvaluationLeavesOldProbeSetsOut) {
  StreamState stream;
  for (int phase = 0; phase <= 20; ++phase) {
    storage::v1::ProbeRecord& probe =
        stream.probes[absl::StrCat("probe-", phase)];
    probe.set_name(absl::StrCat("probe-", phase));
    probe.set_held_out_phase(phase);  // 0: it was submitted
  }
  storage::v1::TaskRecord task;
  task.set_kind(storage::v1::TaskRecord::EVALUATE);
  EXPECT_EQ(ProbesOf(stream, task).size(), 21u);
  Space(stream);
  std::set<int> origins;
  for (const auto* probe : ProbesOf(stream, task)) {
    origins.insert(probe->held_out_phase());
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
