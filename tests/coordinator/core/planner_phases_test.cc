#include "coordinator/core/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/core/cluster_fixture.h"

namespace keel {
namespace {

using ::testing::ElementsAre;

class PlannerPhaseTest : public PlannerTest {
 protected:
  // Waits for `max_wait` seconds; below zero: for the samples alone.
  StreamView& MinSamples(int64_t samples, double max_wait) {
    StreamView& stream = Stream("s");
    v1::PhaseConfig* config = stream.config.mutable_phase();
    config->set_policy(v1::PhaseConfig::MIN_SAMPLES);
    config->set_min_samples(samples);
    if (max_wait >= 0) config->mutable_max_wait()->set_seconds(max_wait);
    return stream;
  }
  static void Chunk(StreamView& stream, const std::string& digest,
                    int64_t samples, double accepted) {
    stream.backlog.push_back({digest, samples, At(accepted)});
  }
  // The chunks of each phase that is created.
  std::vector<std::vector<std::string>> Created() const {
    std::vector<std::vector<std::string>> phases;
    for (const Action& action : PlanActions(view_, now_, options_)) {
      phases.push_back(std::get<CreatePhase>(action).chunk_digests);
    }
    return phases;
  }
};

using Digests = std::vector<std::string>;

TEST_F(PlannerPhaseTest, MakesEachChunkAPhaseInOrder) {
  StreamView& stream = Stream("s");
  stream.config.mutable_phase()->set_policy(v1::PhaseConfig::EACH_CHUNK);
  Chunk(stream, "b", 5, 1);
  Chunk(stream, "a", 5, 2);
  EXPECT_THAT(Created(), ElementsAre(Digests{"b"}, Digests{"a"}));
}

TEST_F(PlannerPhaseTest, MakesNoPhaseByHandUnlessAsked) {
  StreamView& stream = Stream("s");
  Chunk(stream, "a", 5, 1);
  Chunk(stream, "b", 5, 2);
  EXPECT_THAT(Created(), ElementsAre());
  stream.close_requested = true;
  EXPECT_THAT(Created(), ElementsAre(Digests{"a", "b"}));
}

TEST_F(PlannerPhaseTest, MakesNoPhaseOfNothingWhenClosed) {
  Stream("s").close_requested = true;
  EXPECT_THAT(Created(), ElementsAre());
}

TEST_F(PlannerPhaseTest, ClosesWhateverThePolicySays) {
  StreamView& stream = MinSamples(1000, -1);
  stream.close_requested = true;
  Chunk(stream, "a", 5, 1);
  EXPECT_THAT(Created(), ElementsAre(Digests{"a"}));
}

TEST_F(PlannerPhaseTest, WaitsForEnoughSamples) {
  StreamView& stream = MinSamples(10, -1);
  Chunk(stream, "a", 9, 1);
  EXPECT_THAT(Created(), ElementsAre());
  Chunk(stream, "b", 1, 2);
  EXPECT_THAT(Created(), ElementsAre(Digests{"a", "b"}));
}

TEST_F(PlannerPhaseTest, WaitsNoLongerThanMaxWaitAfterTheFirstChunk) {
  StreamView& stream = MinSamples(1000, 30);
  Chunk(stream, "a", 1, 75);
  Chunk(stream, "b", 1, 99);
  Now(104.9);
  EXPECT_THAT(Created(), ElementsAre());
  Now(105);
  EXPECT_THAT(Created(), ElementsAre(Digests{"a", "b"}));
}

TEST_F(PlannerPhaseTest, CreatesPhasesWhileAnEarlierOneTrains) {
  StreamView& stream = Stream("s");
  stream.config.mutable_phase()->set_policy(v1::PhaseConfig::EACH_CHUNK);
  Worker("w");
  Group(Phase(stream, 1), 4, {"w"});
  Chunk(stream, "a", 5, 1);
  EXPECT_THAT(Created(), ElementsAre(Digests{"a"}));
}

}  // namespace
}  // namespace keel
