#include "worker/agent/convert.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

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
  a.set_index_digest("index of a");
  a.add_probe_ordinals(1);
  a.add_over_cap_ordinals(3);
  storage::v1::PlannedChunk& b = *plan.add_chunks();
  b.set_chunk_digest("b");
  b.set_index_digest("index of b");
  return plan;
}

// Gives each index by its chunk; of another chunk if it is told so.
IndexReader Indexes(std::map<std::string, storage::v1::ChunkIndex> indexes) {
  return [indexes](const std::string& digest,
                   int64_t) -> absl::StatusOr<storage::v1::ChunkIndex> {
    const auto it = indexes.find(digest.substr(digest.size() - 1));
    if (it != indexes.end()) return it->second;
    return absl::UnavailableError(digest);
  };
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
  v1::ConfigDeviation& deviation = *order.add_deviations();
  deviation.set_key("train.lr");
  deviation.set_value("0.1");
  deviation.set_profile_default("0.2");
  return order;
}

// What only the coordinator reads; a worker needs every other value.
bool IsForCoordinator(const std::string& path) {
  static const auto* const paths =
      new std::set<std::string>{"model.preset",
                                "checkpoint.keep",
                                "limits.max_chunk_bytes",
                                "limits.max_image_bytes",
                                "limits.max_caption_bytes",
                                "limits.max_samples_per_chunk",
                                "limits.max_captions_per_sample"};
  return paths->contains(path) || path.starts_with("group.") ||
         path.starts_with("phase.") || path.starts_with("probe.");
}

// Paths of all values below `type`; durations are values.
void AddPaths(const Descriptor& type, const std::string& prefix,
              std::set<std::string>* paths) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const Descriptor* message = field.message_type();
    const std::string path = prefix + field.name();
    if (message != nullptr && message->name() != "Duration") {
      AddPaths(*message, path + ".", paths);
    } else {
      paths->insert(path);
    }
  }
}

// Sets the value at `path` to 7 (seconds), true, or its enum's last one.
// Returns how ValuesOf shows it: enums of the seam lack the unspecified value.
std::string Set(const std::string& path, Message* message) {
  const Reflection& values = *message->GetReflection();
  const size_t dot = path.find('.');
  const FieldDescriptor* field =
      message->GetDescriptor()->FindFieldByName(path.substr(0, dot));
  if (field->is_repeated()) {
    values.AddInt32(message, field, 7);
    return "7";
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return Set(dot == std::string::npos ? "seconds" : path.substr(dot + 1),
                 values.MutableMessage(message, field));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int last = field->enum_type()->value_count() - 1;
      values.SetEnumValue(message, field, last);
      return absl::StrCat(last - 1);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
      values.SetBool(message, field, true);
      return "1";
    case FieldDescriptor::CPPTYPE_STRING:
      values.SetString(message, field, "7");
      return "7";
    case FieldDescriptor::CPPTYPE_INT32:
      values.SetInt32(message, field, 7);
      return "7";
    case FieldDescriptor::CPPTYPE_INT64:
      values.SetInt64(message, field, 7);
      return "7";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      values.SetDouble(message, field, 7);
      return "7";
    default:
      ADD_FAILURE() << path << " is of a type that this test does not know";
      return "";
  }
}

// The worker's configuration, by the paths of keel.v1.StreamConfig.
std::map<std::string, std::string> ValuesOf(const StreamConfig& config) {
  const ModelConfig& model = config.model;
  const MethodConfig& method = config.method;
  const TrainConfig& train = config.train;
  const auto text = [](auto value) { return absl::StrCat(value); };
  return {
      {"model.embed_dim", text(model.embed_dim)},
      {"model.quick_gelu", text(model.quick_gelu)},
      {"model.vision.image_size", text(model.vision.image_size)},
      {"model.vision.patch_size", text(model.vision.patch_size)},
      {"model.vision.width", text(model.vision.width)},
      {"model.vision.layers", text(model.vision.layers)},
      {"model.vision.heads", text(model.vision.heads)},
      {"model.vision.mlp_ratio", text(model.vision.mlp_ratio)},
      {"model.vision.blocks", absl::StrJoin(model.vision.blocks, ",")},
      {"model.text.context_length", text(model.text.context_length)},
      {"model.text.vocab_size", text(model.text.vocab_size)},
      {"model.text.width", text(model.text.width)},
      {"model.text.layers", text(model.text.layers)},
      {"model.text.heads", text(model.text.heads)},
      {"model.text.mlp_ratio", text(model.text.mlp_ratio)},
      {"method.name", method.name},
      {"method.profile", method.profile},
      {"method.alpha", text(method.alpha)},
      {"method.kl_reduction", text(static_cast<int>(method.kl_reduction))},
      {"method.kl_temperature", text(method.kl_temperature)},
      {"method.interpolate", text(method.interpolate)},
      {"method.kl_diagonal", text(method.kl_diagonal)},
      {"method.screening", text(static_cast<int>(method.screening))},
      {"method.ties", text(static_cast<int>(method.ties))},
      {"method.ewc_lambda", text(method.ewc_lambda)},
      {"method.replay.samples", text(method.replay_samples)},
      {"method.replay.per_batch", text(method.replay_per_batch)},
      {"train.epochs", text(train.epochs)},
      {"train.global_batch", text(train.global_batch)},
      {"train.lr", text(train.lr)},
      {"train.weight_decay", text(train.weight_decay)},
      {"train.warmup", text(train.warmup)},
      {"train.precision", text(static_cast<int>(train.precision))},
      {"train.seed", text(train.seed)},
      {"train.beta1", text(train.beta1)},
      {"train.beta2", text(train.beta2)},
      {"train.epsilon", text(train.epsilon)},
      {"train.decay_all", text(train.decay_all)},
      {"train.drop_last", text(train.drop_last)},
      {"train.clip_grad_norm", text(train.clip_grad_norm)},
      {"train.micro_batch", text(train.micro_batch)},
      {"train.batch_norm", text(static_cast<int>(train.batch_norm))},
      {"drift.live_every_steps", text(config.drift.live_every_steps)},
      {"drift.live_samples", text(config.drift.live_samples)},
      {"checkpoint.resume_every",
       text(absl::ToInt64Seconds(config.resume_every))},
      {"limits.max_struck_fraction", text(config.max_struck_fraction)},
      {"limits.max_image_pixels", text(config.max_image_pixels)},
  };
}

TEST(ConvertTest, StreamConfigCarriesEveryValueThatAWorkerNeeds) {
  std::set<std::string> paths;
  AddPaths(*v1::StreamConfig::descriptor(), "", &paths);
  ASSERT_GT(paths.size(), 40u);
  const auto unset = ValuesOf(ToStreamConfig({}));
  for (const std::string& path : paths) {
    v1::StreamConfig from;
    auto expected = unset;
    const std::string value = Set(path, &from);
    if (!IsForCoordinator(path)) expected[path] = value;
    EXPECT_EQ(ValuesOf(ToStreamConfig(from)), expected) << path;
  }
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
  const auto job = ToTrainJob(
      Order(), Plan(), Indexes({{"a", Index("a", 4)}, {"b", Index("b", 3)}}));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->generation, 9);
  EXPECT_EQ(job->rank, 1);
  EXPECT_EQ(job->world_size, 2);
  EXPECT_EQ(job->attempt, 3);
  EXPECT_EQ(job->parent, 1);
  EXPECT_EQ(job->start_step, 40);
  EXPECT_EQ(job->plan_digest, "plan digest");
  ASSERT_EQ(job->deviations.size(), 1u);
  EXPECT_EQ(job->deviations[0].key, "train.lr");
  EXPECT_EQ(job->deviations[0].value, "0.1");
  EXPECT_EQ(job->deviations[0].profile_default, "0.2");
  EXPECT_EQ(job->sample_count, 5);
  EXPECT_EQ(job->chunk_digests, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(job->samples.size(), 2u);
  EXPECT_EQ(job->samples[1].samples[2].key, "k2");
}

TEST(ConvertTest, TrainJobHasEarlierChunksAndReplayedSamplesBehindItsOwn) {
  storage::v1::PhasePlan plan = Plan();
  storage::v1::PlannedChunk& earlier = *plan.add_earlier_chunks();
  earlier.set_chunk_digest("c");
  earlier.set_index_digest("index of c");
  earlier.add_probe_ordinals(0);
  plan.set_sample_count(6);
  storage::v1::ReplayedChunk& replay = *plan.add_replay();
  replay.set_chunk_digest("d");
  replay.set_index_digest("index of d");
  replay.add_ordinals(1);
  replay.add_ordinals(4);
  std::map<std::string, storage::v1::ChunkIndex> indexes = {
      {"a", Index("a", 4)},
      {"b", Index("b", 3)},
      {"c", Index("c", 2)},
      {"d", Index("d", 5)}};
  const auto job = ToTrainJob(Order(), plan, Indexes(indexes));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->sample_count, 6);
  EXPECT_EQ(job->replay_count, 2);
  EXPECT_EQ(job->chunk_digests, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(job->samples.size(), 4u);
  EXPECT_EQ(job->samples[2].chunk_digest, "c");
  EXPECT_EQ(job->samples[2].samples[0].key, "k1");
  EXPECT_EQ(job->samples[3].chunk_digest, "d");
  ASSERT_EQ(job->samples[3].samples.size(), 2u);
  EXPECT_EQ(job->samples[3].samples[1].key, "k4");

  indexes["d"] = Index("d", 4);
  EXPECT_TRUE(absl::IsInvalidArgument(
      ToTrainJob(Order(), plan, Indexes(indexes)).status()));
  indexes.erase("d");
  EXPECT_TRUE(absl::IsUnavailable(
      ToTrainJob(Order(), plan, Indexes(indexes)).status()));
}

TEST(ConvertTest, RefusesPlansThatDoNotFit) {
  const auto code = [](const v1::JoinGroup& order, const std::string& first,
                       int a, int b) {
    return ToTrainJob(order, Plan(),
                      Indexes({{"a", Index(first, a)}, {"b", Index("b", b)}}))
        .status()
        .code();
  };
  EXPECT_EQ(code(Order(), "x", 4, 3), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Order(), "a", 3, 3), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Order(), "a", 4, 2), absl::StatusCode::kInvalidArgument);
  v1::JoinGroup other = Order();
  other.set_phase(3);
  EXPECT_EQ(code(other, "a", 4, 3), absl::StatusCode::kInvalidArgument);
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
  EXPECT_FALSE(to.has_agreement_image());
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
  recall.caption_count = 5;
  recall.image_to_text_rank = {2, 3};
  recall.text_to_image_rank = {4, 5};
  recall.recall5_low = 0.25;
  recall.recall5_high = 0.5;
  recall.pool_sample_count = 7;
  recall.pooled_image_to_text[0] = 0.125;
  recall.pooled_text_to_image[1] = 0.375;
  recall.modality_gap = 0.9;
  recall.effective_rank_image = 11;
  recall.effective_rank_text = 12;
  const v1::Recall details = ToProto(recall);
  EXPECT_EQ(details.caption_count(), 5);
  EXPECT_EQ(details.image_to_text_median_rank(), 2);
  EXPECT_EQ(details.image_to_text_mean_rank(), 3);
  EXPECT_EQ(details.text_to_image_median_rank(), 4);
  EXPECT_EQ(details.text_to_image_mean_rank(), 5);
  EXPECT_EQ(details.r5_low(), 0.25);
  EXPECT_EQ(details.r5_high(), 0.5);
  EXPECT_EQ(details.pool_sample_count(), 7);
  EXPECT_EQ(details.pooled_image_to_text_r1(), 0.125);
  EXPECT_EQ(details.pooled_text_to_image_r5(), 0.375);
  EXPECT_EQ(details.modality_gap(), 0.9);
  EXPECT_EQ(details.effective_rank_image(), 11);
  EXPECT_EQ(details.effective_rank_text(), 12);
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

TEST(ConvertTest, AnOutcomeSaysWhoseFaultItWas) {
  EXPECT_EQ(ToOutcome(absl::OkStatus()), v1::GroupEnded::FINISHED);
  EXPECT_EQ(ToOutcome(absl::CancelledError("")), v1::GroupEnded::STOPPED);
  for (const absl::Status& status :
       {absl::AbortedError(""), absl::UnavailableError(""),
        absl::DeadlineExceededError(""), absl::DataLossError(""),
        absl::NotFoundError(""), absl::OutOfRangeError("")}) {
    EXPECT_EQ(ToOutcome(status), v1::GroupEnded::BROKEN) << status;
  }
  for (const absl::Status& status :
       {absl::ResourceExhaustedError(""), absl::PermissionDeniedError(""),
        absl::InternalError(""), absl::AlreadyExistsError(""),
        absl::UnknownError("")}) {
    EXPECT_EQ(ToOutcome(status), v1::GroupEnded::UNABLE) << status;
  }
  for (const absl::Status& status :
       {absl::FailedPreconditionError(""), absl::InvalidArgumentError(""),
        absl::UnimplementedError("")}) {
    EXPECT_EQ(ToOutcome(status), v1::GroupEnded::FAILED) << status;
  }
}

}  // namespace
}  // namespace keel
