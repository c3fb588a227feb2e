#include "common/plan/phase_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace keel {
namespace {

using testing::ElementsAre;

PhaseSchedule Make(int64_t samples, int64_t batch, int epochs,
                   bool drop_last = false) {
  return PhaseSchedule::Create({.seed = 3,
                                .phase = 2,
                                .sample_count = samples,
                                .global_batch = batch,
                                .epochs = epochs,
                                .drop_last = drop_last})
      .value();
}

// How often each sample stands in an epoch's steps.
std::map<int64_t, int> CountsOfEpoch(const PhaseSchedule& schedule, int epoch) {
  std::map<int64_t, int> counts;
  const int64_t first = epoch * schedule.steps_per_epoch();
  for (int64_t i = 0; i < schedule.steps_per_epoch(); ++i) {
    for (int64_t sample : schedule.SamplesOfStep(first + i)) ++counts[sample];
  }
  return counts;
}

TEST(NearEqualPartTest, CoversTheWholeWithoutGaps) {
  for (int64_t total : {0, 1, 7, 100}) {
    for (int64_t count : {1, 3, 7}) {
      int64_t end = 0;
      for (int64_t i = 0; i < count; ++i) {
        const Slice part = NearEqualPart(total, i, count);
        EXPECT_EQ(part.begin, end);
        EXPECT_THAT(part.size(),
                    testing::AnyOf(total / count, total / count + 1));
        end = part.end;
      }
      EXPECT_EQ(end, total);
    }
  }
}

TEST(NearEqualPartTest, PutsLargerPartsFirst) {
  EXPECT_EQ(NearEqualPart(7, 0, 3).size(), 3);
  EXPECT_EQ(NearEqualPart(7, 1, 3).size(), 2);
  EXPECT_EQ(NearEqualPart(7, 2, 3).size(), 2);
}

TEST(PhaseScheduleTest, RefusesCountsThatAreNotPositive) {
  for (const PhaseSchedule::Options& options :
       {PhaseSchedule::Options{
            .sample_count = 0, .global_batch = 1, .epochs = 1},
        PhaseSchedule::Options{
            .sample_count = 1, .global_batch = 0, .epochs = 1},
        PhaseSchedule::Options{
            .sample_count = 1, .global_batch = 1, .epochs = 0}}) {
    EXPECT_EQ(PhaseSchedule::Create(options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(PhaseScheduleTest, RefusesDropLastWithLessThanABatch) {
  EXPECT_EQ(PhaseSchedule::Create({.sample_count = 5,
                                   .global_batch = 6,
                                   .epochs = 1,
                                   .drop_last = true})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(PhaseScheduleTest, TrainsEachSampleOncePerEpoch) {
  for (int64_t samples : {1, 5, 6, 7, 35, 101}) {
    const PhaseSchedule schedule = Make(samples, 6, 3);
    for (int epoch = 0; epoch < 3; ++epoch) {
      const auto counts = CountsOfEpoch(schedule, epoch);
      EXPECT_EQ(counts.size(), samples);
      for (const auto& [sample, count] : counts) {
        EXPECT_EQ(count, 1) << "sample " << sample;
      }
    }
  }
}

TEST(PhaseScheduleTest, MakesStepsWhoseSizesDifferByAtMostOne) {
  for (int64_t samples = 1; samples <= 60; ++samples) {
    const PhaseSchedule schedule = Make(samples, 7, 1);
    EXPECT_EQ(schedule.step_count(), (samples + 6) / 7);
    int64_t least = 7, most = 0;
    for (int64_t step = 0; step < schedule.step_count(); ++step) {
      const auto size =
          static_cast<int64_t>(schedule.SamplesOfStep(step).size());
      least = std::min(least, size);
      most = std::max(most, size);
    }
    EXPECT_LE(most, 7);
    EXPECT_LE(most - least, 1);
    EXPECT_EQ(least, schedule.smallest_step());
  }
}

TEST(PhaseScheduleTest, DropsOtherSamplesInEachEpochWithDropLast) {
  const PhaseSchedule schedule = Make(20, 6, 8, /*drop_last=*/true);
  EXPECT_EQ(schedule.steps_per_epoch(), 3);
  EXPECT_EQ(schedule.smallest_step(), 6);
  std::set<std::set<int64_t>> dropped_sets;
  for (int epoch = 0; epoch < 8; ++epoch) {
    const auto counts = CountsOfEpoch(schedule, epoch);
    EXPECT_EQ(counts.size(), 18u);
    std::set<int64_t> dropped;
    for (int64_t sample = 0; sample < 20; ++sample) {
      if (!counts.contains(sample)) dropped.insert(sample);
    }
    dropped_sets.insert(dropped);
  }
  EXPECT_GT(dropped_sets.size(), 4u);
}

TEST(PhaseScheduleTest, KnowsTheEpochOfAStep) {
  const PhaseSchedule schedule = Make(20, 6, 2);
  EXPECT_EQ(schedule.EpochOfStep(0), 0);
  EXPECT_EQ(schedule.EpochOfStep(3), 0);
  EXPECT_EQ(schedule.EpochOfStep(4), 1);
}

// The ledger of every phase ever trained is checked against these.
TEST(PhaseScheduleTest, GivesKnownAnswers) {
  const PhaseSchedule schedule = Make(20, 6, 2);
  EXPECT_THAT(schedule.SamplesOfStep(0), ElementsAre(19, 14, 6, 0, 2));
  EXPECT_THAT(schedule.SamplesOfStep(7), ElementsAre(19, 11, 2, 16, 13));
  EXPECT_THAT(Make(20, 6, 2, /*drop_last=*/true).SamplesOfStep(4),
              ElementsAre(18, 17, 10, 14, 15, 6));
  std::vector<int> captions;
  for (int epoch = 0; epoch < 6; ++epoch) {
    captions.push_back(schedule.CaptionOf(epoch, 5, 4));
  }
  EXPECT_THAT(captions, ElementsAre(0, 2, 1, 2, 3, 0));
}

TEST(PhaseScheduleTest, DrawsEveryCaption) {
  const PhaseSchedule schedule = Make(20, 6, 100);
  std::set<int> drawn;
  for (int epoch = 0; epoch < 100; ++epoch) {
    drawn.insert(schedule.CaptionOf(epoch, 5, 5));
  }
  EXPECT_THAT(drawn, ElementsAre(0, 1, 2, 3, 4));
}

TEST(PhaseScheduleTest, OrdersPhasesAndEpochsDifferently) {
  const PhaseSchedule schedule = Make(1000, 1000, 2);
  auto other = schedule.options();
  other.phase = 3;
  EXPECT_NE(schedule.SamplesOfStep(0), schedule.SamplesOfStep(1));
  EXPECT_NE(schedule.SamplesOfStep(0),
            PhaseSchedule::Create(other).value().SamplesOfStep(0));
}

}  // namespace
}  // namespace keel
