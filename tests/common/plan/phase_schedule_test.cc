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

PhaseSchedule WithReplay(int64_t kept, int64_t per_batch) {
  return PhaseSchedule::Create({.seed = 3,
                                .phase = 2,
                                .sample_count = 20,
                                .global_batch = 6,
                                .epochs = 9,
                                .replay_count = kept,
                                .replay_per_batch = per_batch})
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
  EXPECT_THAT(WithReplay(10, 3).SamplesOfStep(7),
              ElementsAre(19, 11, 2, 16, 13, 26, 29, 28));
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

TEST(PhaseScheduleTest, AddsReplayedSamplesBehindThePlannedOnes) {
  const PhaseSchedule schedule = WithReplay(10, 3);
  EXPECT_EQ(schedule.replay_per_step(), 3);
  EXPECT_EQ(schedule.smallest_step(), 5 + 3);
  for (int64_t step = 0; step < schedule.step_count(); ++step) {
    const std::vector<int64_t> with = schedule.SamplesOfStep(step);
    const std::vector<int64_t> planned = Make(20, 6, 9).SamplesOfStep(step);
    ASSERT_EQ(with.size(), planned.size() + 3);
    EXPECT_TRUE(std::equal(planned.begin(), planned.end(), with.begin()));
    for (size_t i = planned.size(); i < with.size(); ++i) {
      EXPECT_GE(with[i], 20);
      EXPECT_LT(with[i], 30);
    }
  }
}

TEST(PhaseScheduleTest, PutsNoSampleTwiceIntoAStep) {
  for (int64_t kept : {1, 2, 5, 6, 7, 64}) {
    for (int64_t per_batch : {1, 2, 5, 64}) {
      const PhaseSchedule schedule = WithReplay(kept, per_batch);
      for (int64_t step = 0; step < schedule.step_count(); ++step) {
        const std::vector<int64_t> samples = schedule.SamplesOfStep(step);
        EXPECT_EQ(std::set<int64_t>(samples.begin(), samples.end()).size(),
                  samples.size());
        EXPECT_GE(static_cast<int64_t>(samples.size()),
                  schedule.smallest_step());
      }
      EXPECT_EQ(schedule.replay_per_step(), std::min(kept, per_batch));
    }
  }
}

// Ten kept samples, three in a step: a lap has three steps and leaves one
// sample out.
TEST(PhaseScheduleTest, ReplaysInLapsThatLeaveOutWhatFillsNoStep) {
  const PhaseSchedule schedule = WithReplay(10, 3);
  std::set<int64_t> left_out;
  std::map<int64_t, int> counts;
  for (int64_t lap = 0; lap < 12; ++lap) {
    std::set<int64_t> drawn;
    for (int64_t step = 3 * lap; step < 3 * lap + 3; ++step) {
      const std::vector<int64_t> samples = schedule.SamplesOfStep(step);
      for (auto it = samples.end() - 3; it != samples.end(); ++it) {
        EXPECT_TRUE(drawn.insert(*it).second) << "lap " << lap;
        ++counts[*it];
      }
    }
    for (int64_t sample = 20; sample < 30; ++sample) {
      if (!drawn.contains(sample)) left_out.insert(sample);
    }
  }
  EXPECT_GT(left_out.size(), 4u);
  EXPECT_EQ(counts.size(), 10u);
}

TEST(PhaseScheduleTest, RefusesNegativeReplay) {
  EXPECT_FALSE(PhaseSchedule::Create({.sample_count = 1,
                                      .global_batch = 1,
                                      .epochs = 1,
                                      .replay_count = -1})
                   .ok());
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
