#include "coordinator/services/metrics_export.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/metrics/names.h"
#include "coordinator/services/edit.h"
#include "coordinator/store/table_names.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_store.h"

namespace keel {
namespace {

// Keeps what was set, by name and labels.
class RecordingMetrics : public NullMetrics {
 public:
  void Set(std::string_view name, double value,
           const MetricLabels& labels) override {
    Check(name, labels);
    values[{std::string(name), labels}] = value;
  }
  void Increment(std::string_view name, const MetricLabels& labels,
                 double by) override {
    Check(name, labels);
    values[{std::string(name), labels}] += by;
  }
  void SetHistogram(std::string_view name, const std::vector<int64_t>& counts,
                    double sum, const MetricLabels& labels) override {
    Check(name, labels);
    values[{std::string(name), labels}] = sum;
  }
  void Remove(std::string_view name, const MetricLabels& labels) override {
    std::erase_if(values, [&](const auto& entry) {
      return entry.first.first == name &&
             std::includes(entry.first.second.begin(), entry.first.second.end(),
                           labels.begin(), labels.end());
    });
  }

  std::map<std::pair<std::string, MetricLabels>, double> values;

 private:
  static void Check(std::string_view name, const MetricLabels& labels) {
    const MetricSpec* spec = FindMetric(name);
    EXPECT_TRUE(spec != nullptr && HasTheLabels(*spec, labels)) << name;
  }
};

StreamState StreamWithPhase(int number, v1::Phase::State state) {
  StreamState stream;
  stream.record.mutable_stream()->set_name("s");
  stream.record.mutable_stream()->set_published_phase(number);
  v1::Phase& phase = *stream.phases[number].record.mutable_phase();
  phase.set_number(number);
  phase.set_state(state);
  stream.open_phases.insert(number);
  return stream;
}

void AddRecall(StreamState& stream, int phase, double r5) {
  v1::Recall recall;
  recall.set_phase(phase);
  recall.set_probe("p");
  recall.set_image_to_text_r5(r5);
  stream.recalls[{phase, "p"}] = recall;
}

MetricLabels RecallLabels(const char* phase) {
  return {{"stream", "s"},
          {"phase", phase},
          {"probe", "p"},
          {"direction", "image_to_text"},
          {"k", "5"}};
}

TEST(MetricsExportTest, ShowsOnePhaseStateAndTheBacklog) {
  ClusterState state;
  state.streams["s"] = StreamWithPhase(1, v1::Phase::TRAINING);
  storage::v1::ChunkRecord chunk;
  chunk.mutable_chunk()->mutable_samples()->set_accepted_count(7);
  state.streams["s"].chunks[1] = chunk;
  state.streams["s"].backlog.insert(1);
  RecordingMetrics metrics;
  ExportGauges(state, metrics);
  double sum = 0;
  for (const auto& [key, value] : metrics.values) {
    if (key.first == "keel_phase_state") sum += value;
  }
  EXPECT_EQ(sum, 1);
  EXPECT_EQ((metrics.values[{"keel_phase_state",
                             {{"stream", "s"}, {"state", "TRAINING"}}}]),
            1);
  EXPECT_EQ((metrics.values[{"keel_backlog_samples", {{"stream", "s"}}}]), 7);
  EXPECT_EQ((metrics.values[{"keel_workers", {{"state", "IDLE"}}}]), 0);
}

// The state that a stream with phases in these states shows.
std::string ShownState(const std::vector<v1::Phase::State>& states,
                       v1::Stream::State of_stream = v1::Stream::ACTIVE) {
  ClusterState state;
  state.streams["s"].record.mutable_stream()->set_name("s");
  state.streams["s"].record.mutable_stream()->set_state(of_stream);
  for (size_t i = 0; i < states.size(); ++i) {
    storage::v1::PhaseRecord record;
    record.mutable_phase()->set_stream("s");
    record.mutable_phase()->set_number(static_cast<int>(i) + 1);
    record.mutable_phase()->set_state(states[i]);
    InstallPhase(state, record);
  }
  RecordingMetrics metrics;
  ExportGauges(state, metrics);
  std::string shown;
  for (const auto& [key, value] : metrics.values) {
    if (key.first == "keel_phase_state" && value == 1) {
      shown += key.second.at("state");
    }
  }
  return shown;
}

// Chunks that come faster than they are trained wait as phases of their own.
TEST(MetricsExportTest, ShowsThePhaseThatTheStreamIsAt) {
  using v1::Phase;
  EXPECT_EQ(ShownState({Phase::PUBLISHED, Phase::TRAINING, Phase::QUEUED}),
            "TRAINING");
  EXPECT_EQ(ShownState({Phase::PUBLISHED, Phase::FAILED, Phase::QUEUED}),
            "FAILED");
  EXPECT_EQ(ShownState({Phase::SKIPPED, Phase::CANCELLED, Phase::QUEUED}),
            "QUEUED");
  EXPECT_EQ(ShownState({Phase::SKIPPED, Phase::PUBLISHED}), "PUBLISHED");
  EXPECT_EQ(ShownState({}), "");
  EXPECT_EQ(ShownState({Phase::TRAINING, Phase::FAILED}, v1::Stream::BLOCKED),
            "FAILEDTRAINING");
}

// increase() over a series that begins with its first step would miss it.
TEST(MetricsExportTest, CommittedStepsOfAStreamBeginAtZero) {
  ClusterState state;
  state.streams["s"].record.mutable_stream()->set_name("s");
  RecordingMetrics metrics;
  ExportGauges(state, metrics);
  const auto key = std::make_pair(std::string("keel_steps_committed_total"),
                                  MetricLabels{{"stream", "s"}});
  ASSERT_EQ(metrics.values.count(key), 1u);
  EXPECT_EQ(metrics.values[key], 0);
}

TEST(MetricsExportTest, KeepsTheNewestPhaseOnlyAndCountsForgetting) {
  StreamState stream = StreamWithPhase(1, v1::Phase::PUBLISHED);
  AddRecall(stream, 1, 0.75);
  testing::MemoryStore store;
  RecordingMetrics metrics;
  ExportEvaluation(stream, store, metrics);
  EXPECT_EQ((metrics.values[{"keel_recall_ratio", RecallLabels("1")}]), 0.75);

  stream.record.mutable_stream()->set_published_phase(2);
  AddRecall(stream, 2, 0.5);
  AddRecall(stream, 3, 0.9);  // of a phase that is not published yet
  ExportEvaluation(stream, store, metrics);
  EXPECT_EQ((metrics.values.count({"keel_recall_ratio", RecallLabels("1")})),
            0u);
  EXPECT_EQ((metrics.values[{"keel_recall_ratio", RecallLabels("2")}]), 0.5);
  MetricLabels forgetting = RecallLabels("2");
  forgetting.erase("phase");
  EXPECT_EQ((metrics.values[{"keel_forgetting_ratio", forgetting}]), 0.25);
}

TEST(MetricsExportTest, ShowsRotationOfBothModalities) {
  StreamState stream = StreamWithPhase(2, v1::Phase::PUBLISHED);
  v1::Drift drift;
  drift.set_phase(2);
  drift.set_probe("p");
  drift.set_reference("parent");
  drift.mutable_rotation_image()->set_mean(10);
  drift.mutable_rotation_text()->set_mean(20);
  for (int i = 0; i < 180; ++i) {
    drift.mutable_rotation_image()->add_counts(i == 10 ? 3 : 0);
    drift.mutable_rotation_text()->add_counts(i == 20 ? 4 : 0);
  }
  testing::MemoryStore store;
  WriteBatch batch;
  batch.Put(table::kDrifts, DriftKey("s", 2, "p", "parent"),
            drift.SerializeAsString());
  ASSERT_TRUE(store.Commit(batch).ok());
  RecordingMetrics metrics;
  ExportEvaluation(stream, store, metrics);
  MetricLabels labels = {{"stream", "s"},
                         {"phase", "2"},
                         {"probe", "p"},
                         {"reference", "parent"},
                         {"modality", "image"}};
  EXPECT_EQ((metrics.values[{"keel_sd_rotation_degrees", labels}]), 30);
  labels["modality"] = "text";
  EXPECT_EQ((metrics.values[{"keel_sd_rotation_degrees", labels}]), 80);
}

}  // namespace
}  // namespace keel
