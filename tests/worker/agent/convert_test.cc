#include "worker/agent/convert.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

// Samples "k0", "k1", ... of one caption each.
storage::v1::ChunkIndex Index(const std::string& digest, int count) {
  storage::v1::ChunkIndex index;
  index.set_chunk_digest(digest);
  for (int i = 0; i < count; ++i) {
    storage::v1::SampleIndex& sample = *index.add_samples();
    sample.set_key(absl::StrCat("k", i));
    sample.set_image_offset(512 * i);
    sample.set_image_size_bytes(100 + i);
    sample.set_image_digest("image digest");
    sample.set_format(storage::v1::SampleIndex::WEBP);
    sample.set_width(64);
    sample.set_height(32);
    storage::v1::CaptionIndex& caption = *sample.add_captions();
    caption.set_digest("caption digest");
    caption.set_offset(9000 + i);
    caption.set_size_bytes(7);
    caption.set_json_position(-2);
  }
  return index;
}

storage::v1::PhasePlan Plan() {
  storage::v1::PhasePlan plan;
  plan.set_phase(2);
  plan.set_sample_count(5);
  storage::v1::PlannedChunk& a = *plan.add_chunks();
  a.set_chunk_digest("a");
  a.add_probe_ordinals(1);
  a.add_over_cap_ordinals(3);
  plan.add_chunks()->set_chunk_digest("b");
  return plan;
}

v1::JoinGroup Order() {
  v1::JoinGroup order;
  order.set_generation(9);
  order.set_rank(1);
  order.set_world_size(2);
  order.set_stream("s");
  order.set_phase(2);
  order.set_attempt(3);
  order.set_parent(1);
  order.set_start_step(40);
  order.mutable_plan()->set_digest("plan digest");
  return order;
}

TEST(ConvertTest, StreamConfigCarriesEveryValue) {
  v1::StreamConfig from;
  from.mutable_model()->set_embed_dim(512);
  from.mutable_model()->set_quick_gelu(true);
  from.mutable_model()->mutable_vision()->set_patch_size(32);
  from.mutable_model()->mutable_vision()->set_mlp_ratio(3.5);
  from.mutable_model()->mutable_text()->set_context_length(77);
  from.mutable_method()->set_name("modx");
  from.mutable_method()->set_kl_reduction(v1::MethodConfig::KEPT_ROWS);
  from.mutable_method()->set_kl_temperature(2);
  from.mutable_method()->set_interpolate(0.6);
  from.mutable_train()->set_precision(v1::TrainConfig::BF16);
  from.mutable_train()->set_epsilon(1e-5);
  from.mutable_train()->set_drop_last(true);
  from.mutable_checkpoint()->mutable_resume_every()->set_seconds(90);
  from.mutable_limits()->set_max_struck_fraction(0.25);
  from.mutable_limits()->set_max_image_pixels(123);
  const StreamConfig to = ToStreamConfig(from);
  EXPECT_EQ(to.model.embed_dim, 512);
  EXPECT_EQ(to.model.vision.patch_size, 32);
  EXPECT_EQ(to.model.vision.mlp_ratio, 3.5);
  EXPECT_EQ(to.model.text.context_length, 77);
  EXPECT_EQ(to.method.kl_reduction, KlReduction::kKeptRows);
  EXPECT_EQ(to.method.kl_temperature, 2);
  EXPECT_EQ(to.method.interpolate, 0.6);
  EXPECT_EQ(to.train.precision, Precision::kBf16);
  EXPECT_EQ(to.train.epsilon, 1e-5);
  EXPECT_TRUE(to.train.drop_last);
  EXPECT_EQ(to.resume_every, absl::Seconds(90));
  EXPECT_EQ(to.max_struck_fraction, 0.25);
  EXPECT_EQ(to.max_image_pixels, 123);
}

TEST(ConvertTest, TrainedSamplesLeaveOutWhatIsHeldOut) {
  const storage::v1::PhasePlan plan = Plan();
  const auto list = TrainedSamples(plan.chunks(0), Index("a", 4));
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->samples.size(), 2u);
  EXPECT_EQ(list->samples[0].key, "k0");
  const SampleRef& sample = list->samples[1];
  EXPECT_EQ(sample.key, "k2");
  EXPECT_EQ(sample.image_offset, 1024);
  EXPECT_EQ(sample.image_size_bytes, 102);
  EXPECT_EQ(sample.format, ImageFormat::kWebp);
  EXPECT_EQ(sample.height, 32);
  ASSERT_EQ(sample.captions.size(), 1u);
  EXPECT_EQ(sample.captions[0].offset, 9002);
  EXPECT_EQ(sample.captions[0].json_position, -2);
}

TEST(ConvertTest, TrainJobHasThePlannedSamplesInOrder) {
  const auto job = ToTrainJob(Order(), Plan(), {Index("a", 4), Index("b", 3)});
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->generation, 9);
  EXPECT_EQ(job->rank, 1);
  EXPECT_EQ(job->world_size, 2);
  EXPECT_EQ(job->attempt, 3);
  EXPECT_EQ(job->parent, 1);
  EXPECT_EQ(job->start_step, 40);
  EXPECT_EQ(job->plan_digest, "plan digest");
  EXPECT_EQ(job->sample_count, 5);
  EXPECT_EQ(job->chunk_digests, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(job->samples.size(), 2u);
  EXPECT_EQ(job->samples[1].samples[2].key, "k2");
}

TEST(ConvertTest, RefusesPlansThatDoNotFit) {
  EXPECT_EQ(ToTrainJob(Order(), Plan(), {Index("x", 4), Index("b", 3)})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ToTrainJob(Order(), Plan(), {Index("a", 3), Index("b", 3)})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ToTrainJob(Order(), Plan(), {Index("a", 4), Index("b", 2)})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  v1::JoinGroup other = Order();
  other.set_phase(3);
  EXPECT_FALSE(ToTrainJob(other, Plan(), {Index("a", 4), Index("b", 3)}).ok());
}

TEST(ConvertTest, ProbeSetsHaveWhatAPlanHoldsOutOrAWholeChunk) {
  const auto held_out = HeldOutSamples(Plan().chunks(0), Index("a", 4));
  ASSERT_TRUE(held_out.ok()) << held_out.status();
  EXPECT_EQ(held_out->chunk_digest, "a");
  ASSERT_EQ(held_out->samples.size(), 1u);
  EXPECT_EQ(held_out->samples[0].key, "k1");
  EXPECT_FALSE(HeldOutSamples(Plan().chunks(0), Index("a", 1)).ok());
  EXPECT_FALSE(HeldOutSamples(Plan().chunks(0), Index("b", 4)).ok());

  const SampleList all = AllSamples(Index("a", 4));
  EXPECT_EQ(all.chunk_digest, "a");
  ASSERT_EQ(all.samples.size(), 4u);
  EXPECT_EQ(all.samples[3].key, "k3");
}

TEST(ConvertTest, TasksKeepTheirNumbers) {
  v1::RunTask order;
  order.set_task_id("t1");
  order.set_stream("s");
  order.set_phase(4);
  order.mutable_drift()->set_reference_phase(1);
  order.mutable_drift()->set_reference("origin");
  const DriftJob drift = ToDriftJob(order);
  EXPECT_EQ(drift.task_id, "t1");
  EXPECT_EQ(drift.phase, 4);
  EXPECT_EQ(drift.reference_phase, 1);
  EXPECT_EQ(drift.reference, "origin");
  EXPECT_EQ(ToEvaluateJob(order).stream, "s");
}

TEST(ConvertTest, StepReportKeepsItsNumbers) {
  StepReport from;
  from.step = 12;
  from.sample_count = 128;
  from.hash_low = ~uint64_t{0};
  from.hash_high = 1;
  from.struck = {{77, "IMAGE_DECODE"}};
  from.loss_total = 1.5;
  from.agreement_text = 0.25;
  from.seconds = 0.5;
  const v1::StepReport to = ToProto(from);
  EXPECT_EQ(to.step(), 12);
  EXPECT_EQ(to.sample_count(), 128);
  EXPECT_EQ(to.hash_low(), ~uint64_t{0});
  EXPECT_EQ(to.hash_high(), 1u);
  ASSERT_EQ(to.struck_size(), 1);
  EXPECT_EQ(to.struck(0).sample(), 77);
  EXPECT_EQ(to.struck(0).reason(), "IMAGE_DECODE");
  EXPECT_EQ(to.loss_total(), 1.5);
  EXPECT_EQ(to.agreement_text(), 0.25);
  EXPECT_EQ(to.seconds(), 0.5);
}

TEST(ConvertTest, ResultsKeepTheirNumbers) {
  RecallResult recall;
  recall.phase = 3;
  recall.probe = "animals";
  recall.image_to_text[1] = 0.5;
  recall.text_to_image[2] = 0.75;
  EXPECT_EQ(ToProto(recall).image_to_text_r5(), 0.5);
  EXPECT_EQ(ToProto(recall).text_to_image_r10(), 0.75);
  DriftResult drift;
  drift.reference = "parent";
  drift.rotation_text.p95 = 12;
  drift.cross_angle_change.counts = {1, 2, 3};
  drift.deviation_reliable = true;
  drift.residual_text_degrees = 4;
  const v1::Drift to = ToProto(drift);
  EXPECT_EQ(to.reference(), "parent");
  EXPECT_EQ(to.rotation_text().p95(), 12);
  EXPECT_EQ(to.cross_angle_change().counts_size(), 3);
  EXPECT_TRUE(to.deviation_reliable());
  EXPECT_EQ(to.residual_text_degrees(), 4);
}

TEST(ConvertTest, OnlyThePhasesOwnFaultsFailIt) {
  EXPECT_EQ(ToOutcome(absl::OkStatus()), v1::GroupEnded::FINISHED);
  EXPECT_EQ(ToOutcome(absl::CancelledError("")), v1::GroupEnded::STOPPED);
  for (const absl::Status& status :
       {absl::AbortedError(""), absl::UnavailableError(""),
        absl::DeadlineExceededError(""), absl::ResourceExhaustedError(""),
        absl::InternalError(""), absl::DataLossError(""),
        absl::UnknownError("")}) {
    EXPECT_EQ(ToOutcome(status), v1::GroupEnded::BROKEN) << status;
  }
  for (const absl::Status& status :
       {absl::FailedPreconditionError(""), absl::InvalidArgumentError(""),
        absl::UnimplementedError("")}) {
    EXPECT_EQ(ToOutcome(status), v1::GroupEnded::FAILED) << status;
  }
}

}  // namespace
}  // namespace keel
