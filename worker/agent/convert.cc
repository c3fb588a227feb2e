#include "worker/agent/convert.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace keel {
namespace {

ModelConfig ToModelConfig(const v1::ModelConfig& from) {
  ModelConfig to;
  to.embed_dim = from.embed_dim();
  to.quick_gelu = from.quick_gelu();
  to.vision = {from.vision().image_size(),
               from.vision().patch_size(),
               from.vision().width(),
               from.vision().layers(),
               from.vision().heads(),
               from.vision().mlp_ratio(),
               {from.vision().blocks().begin(), from.vision().blocks().end()}};
  to.text = {from.text().context_length(), from.text().vocab_size(),
             from.text().width(),          from.text().layers(),
             from.text().heads(),          from.text().mlp_ratio()};
  return to;
}

KlReduction ToKlReduction(v1::MethodConfig::KlReduction reduction) {
  switch (reduction) {
    case v1::MethodConfig::SUM:
      return KlReduction::kSum;
    case v1::MethodConfig::MEAN:
      return KlReduction::kMean;
    case v1::MethodConfig::KEPT_ROWS:
      return KlReduction::kKeptRows;
    default:
      return KlReduction::kBatchInvariant;
  }
}

TieRule ToTieRule(v1::MethodConfig::Ties ties) {
  switch (ties) {
    case v1::MethodConfig::FIRST_INDEX:
      return TieRule::kFirstIndex;
    case v1::MethodConfig::STRICT:
      return TieRule::kStrict;
    default:
      return TieRule::kKeepTies;
  }
}

MethodConfig ToMethodConfig(const v1::MethodConfig& from) {
  MethodConfig to;
  to.name = from.name();
  to.profile = from.profile();
  to.alpha = from.alpha();
  to.kl_reduction = ToKlReduction(from.kl_reduction());
  to.kl_temperature = from.kl_temperature();
  // Streams from before this key have it.
  to.kl_diagonal = !from.has_kl_diagonal() || from.kl_diagonal();
  to.screening = from.screening() == v1::MethodConfig::NONE
                     ? Screening::kNone
                     : Screening::kTeacherRight;
  to.ties = ToTieRule(from.ties());
  to.interpolate = from.interpolate();
  to.replay_samples = from.replay().samples();
  to.replay_per_batch = from.replay().per_batch();
  to.ewc_lambda = from.ewc_lambda();
  return to;
}

BatchNormMode ToBatchNormMode(v1::TrainConfig::BatchNorm mode) {
  switch (mode) {
    case v1::TrainConfig::SYNC:
      return BatchNormMode::kSync;
    case v1::TrainConfig::FROZEN:
      return BatchNormMode::kFrozen;
    default:
      return BatchNormMode::kAuto;
  }
}

TrainConfig ToTrainConfig(const v1::TrainConfig& from) {
  TrainConfig to;
  to.epochs = from.epochs();
  to.global_batch = from.global_batch();
  to.lr = from.lr();
  to.weight_decay = from.weight_decay();
  to.warmup = from.warmup();
  to.precision = from.precision() == v1::TrainConfig::BF16 ? Precision::kBf16
                                                           : Precision::kFp32;
  to.seed = from.seed();
  to.beta1 = from.beta1();
  to.beta2 = from.beta2();
  to.epsilon = from.epsilon();
  to.decay_all = from.decay_all();
  to.drop_last = from.drop_last();
  to.clip_grad_norm = from.clip_grad_norm();
  to.micro_batch = from.micro_batch();
  to.batch_norm = ToBatchNormMode(from.batch_norm());
  return to;
}

absl::Duration ToDuration(const google::protobuf::Duration& from) {
  return absl::Seconds(from.seconds()) + absl::Nanoseconds(from.nanos());
}

ImageFormat ToImageFormat(storage::v1::SampleIndex::Format format) {
  switch (format) {
    case storage::v1::SampleIndex::PNG:
      return ImageFormat::kPng;
    case storage::v1::SampleIndex::WEBP:
      return ImageFormat::kWebp;
    default:
      return ImageFormat::kJpeg;
  }
}

SampleRef ToSampleRef(const storage::v1::SampleIndex& from) {
  SampleRef to;
  to.key = from.key();
  to.image_offset = from.image_offset();
  to.image_size_bytes = from.image_size_bytes();
  to.image_digest = from.image_digest();
  to.format = ToImageFormat(from.format());
  to.width = from.width();
  to.height = from.height();
  for (const storage::v1::CaptionIndex& caption : from.captions()) {
    to.captions.push_back({caption.digest(), caption.offset(),
                           caption.size_bytes(), caption.json_position()});
  }
  return to;
}

absl::Status CheckIndex(const std::string& chunk_digest,
                        const storage::v1::ChunkIndex& index) {
  if (index.chunk_digest() == chunk_digest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the index of chunk ",
                                                 chunk_digest, " is that of ",
                                                 index.chunk_digest()));
}

absl::Status CheckOrdinal(const storage::v1::ChunkIndex& index, int ordinal) {
  if (ordinal >= 0 && ordinal < index.samples_size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "chunk ", index.chunk_digest(), " has ", index.samples_size(),
      " samples, none of ordinal ", ordinal));
}

absl::StatusOr<SampleList> SamplesAt(
    const std::string& chunk_digest,
    const google::protobuf::RepeatedField<int32_t>& ordinals,
    const storage::v1::ChunkIndex& index) {
  KEEL_RETURN_IF_ERROR(CheckIndex(chunk_digest, index));
  SampleList list;
  list.chunk_digest = chunk_digest;
  for (const int ordinal : ordinals) {
    KEEL_RETURN_IF_ERROR(CheckOrdinal(index, ordinal));
    list.samples.push_back(ToSampleRef(index.samples(ordinal)));
  }
  return list;
}

absl::Status AddPlanned(
    const google::protobuf::RepeatedPtrField<storage::v1::PlannedChunk>& chunks,
    const IndexReader& index_of, TrainJob& job) {
  for (const storage::v1::PlannedChunk& chunk : chunks) {
    KEEL_ASSIGN_OR_RETURN(
        const storage::v1::ChunkIndex index,
        index_of(chunk.index_digest(), chunk.index_size_bytes()));
    KEEL_ASSIGN_OR_RETURN(SampleList list, TrainedSamples(chunk, index));
    job.sample_count += static_cast<int64_t>(list.samples.size());
    job.chunk_digests.push_back(list.chunk_digest);
    job.samples.push_back(std::move(list));
  }
  return absl::OkStatus();
}

absl::Status AddReplayed(const storage::v1::PhasePlan& plan,
                         const IndexReader& index_of, TrainJob& job) {
  for (const storage::v1::ReplayedChunk& chunk : plan.replay()) {
    KEEL_ASSIGN_OR_RETURN(
        const storage::v1::ChunkIndex index,
        index_of(chunk.index_digest(), chunk.index_size_bytes()));
    KEEL_ASSIGN_OR_RETURN(SampleList list, SamplesAt(chunk.chunk_digest(),
                                                     chunk.ordinals(), index));
    job.replay_count += static_cast<int64_t>(list.samples.size());
    job.samples.push_back(std::move(list));
  }
  return absl::OkStatus();
}

v1::AngleDistribution ToProto(const AngleDistribution& from) {
  v1::AngleDistribution to;
  to.set_mean(from.mean);
  to.set_p50(from.p50);
  to.set_p95(from.p95);
  to.set_max(from.max);
  to.mutable_counts()->Add(from.counts.begin(), from.counts.end());
  return to;
}

}  // namespace

StreamConfig ToStreamConfig(const v1::StreamConfig& config) {
  StreamConfig to;
  to.model = ToModelConfig(config.model());
  to.method = ToMethodConfig(config.method());
  to.train = ToTrainConfig(config.train());
  to.drift = {config.drift().live_every_steps(), config.drift().live_samples()};
  to.resume_every = ToDuration(config.checkpoint().resume_every());
  to.max_struck_fraction = config.limits().max_struck_fraction();
  to.max_image_pixels = config.limits().max_image_pixels();
  return to;
}

absl::StatusOr<SampleList> TrainedSamples(
    const storage::v1::PlannedChunk& chunk,
    const storage::v1::ChunkIndex& index) {
  KEEL_RETURN_IF_ERROR(CheckIndex(chunk.chunk_digest(), index));
  std::vector<bool> trained(index.samples_size(), true);
  for (const auto* held_out :
       {&chunk.probe_ordinals(), &chunk.over_cap_ordinals()}) {
    for (const int ordinal : *held_out) {
      KEEL_RETURN_IF_ERROR(CheckOrdinal(index, ordinal));
      trained[ordinal] = false;
    }
  }
  SampleList list;
  list.chunk_digest = chunk.chunk_digest();
  for (int i = 0; i < index.samples_size(); ++i) {
    if (trained[i]) list.samples.push_back(ToSampleRef(index.samples(i)));
  }
  return list;
}

absl::StatusOr<SampleList> HeldOutSamples(
    const storage::v1::PlannedChunk& chunk,
    const storage::v1::ChunkIndex& index) {
  return SamplesAt(chunk.chunk_digest(), chunk.probe_ordinals(), index);
}

SampleList AllSamples(const storage::v1::ChunkIndex& index) {
  SampleList list;
  list.chunk_digest = index.chunk_digest();
  for (const storage::v1::SampleIndex& sample : index.samples()) {
    list.samples.push_back(ToSampleRef(sample));
  }
  return list;
}

absl::StatusOr<TrainJob> ToTrainJob(const v1::JoinGroup& order,
                                    const storage::v1::PhasePlan& plan,
                                    const IndexReader& index_of) {
  TrainJob job;
  job.generation = order.generation();
  job.rank = order.rank();
  job.world_size = order.world_size();
  job.stream = order.stream();
  job.phase = order.phase();
  job.attempt = order.attempt();
  job.config = ToStreamConfig(order.config());
  for (const v1::ConfigDeviation& from : order.deviations()) {
    job.deviations.push_back(
        {from.key(), from.value(), from.profile_default()});
  }
  job.plan_digest = order.plan().digest();
  job.parent = order.parent();
  job.start_step = order.start_step();
  KEEL_RETURN_IF_ERROR(AddPlanned(plan.chunks(), index_of, job));
  KEEL_RETURN_IF_ERROR(AddPlanned(plan.earlier_chunks(), index_of, job));
  KEEL_RETURN_IF_ERROR(AddReplayed(plan, index_of, job));
  if (plan.phase() != order.phase() ||
      job.sample_count != plan.sample_count()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the plan of phase ", plan.phase(), " counts ", plan.sample_count(),
        " samples; the order is for phase ", order.phase(),
        " and the indexes have ", job.sample_count));
  }
  return job;
}

EvaluateJob ToEvaluateJob(const v1::RunTask& order) {
  EvaluateJob job;
  job.task_id = order.task_id();
  job.stream = order.stream();
  job.phase = order.phase();
  job.config = ToStreamConfig(order.config());
  return job;
}

DriftJob ToDriftJob(const v1::RunTask& order) {
  DriftJob job;
  job.task_id = order.task_id();
  job.stream = order.stream();
  job.phase = order.phase();
  job.config = ToStreamConfig(order.config());
  job.reference_phase = order.drift().reference_phase();
  job.reference = order.drift().reference();
  return job;
}

v1::StepReport ToProto(const StepReport& report) {
  v1::StepReport to;
  to.set_step(report.step);
  to.set_sample_count(report.sample_count);
  to.set_hash_low(report.hash_low);
  to.set_hash_high(report.hash_high);
  for (const StruckSample& struck : report.struck) {
    v1::StruckSample& sample = *to.add_struck();
    sample.set_sample(struck.sample);
    sample.set_reason(struck.reason);
  }
  to.set_loss_total(report.loss_total);
  to.set_loss_contrastive(report.loss_contrastive);
  to.set_loss_distill(report.loss_distill);
  to.set_learning_rate(report.learning_rate);
  to.set_logit_scale(report.logit_scale);
  if (report.agreement_image.has_value()) {
    to.set_agreement_image(*report.agreement_image);
  }
  if (report.agreement_text.has_value()) {
    to.set_agreement_text(*report.agreement_text);
  }
  to.set_seconds(report.seconds);
  return to;
}

v1::Recall ToProto(const RecallResult& result) {
  v1::Recall to;
  to.set_phase(result.phase);
  to.set_probe(result.probe);
  to.set_sample_count(result.sample_count);
  to.set_image_to_text_r1(result.image_to_text[0]);
  to.set_image_to_text_r5(result.image_to_text[1]);
  to.set_image_to_text_r10(result.image_to_text[2]);
  to.set_text_to_image_r1(result.text_to_image[0]);
  to.set_text_to_image_r5(result.text_to_image[1]);
  to.set_text_to_image_r10(result.text_to_image[2]);
  to.set_caption_count(result.caption_count);
  to.set_image_to_text_median_rank(result.image_to_text_rank.median);
  to.set_image_to_text_mean_rank(result.image_to_text_rank.mean);
  to.set_text_to_image_median_rank(result.text_to_image_rank.median);
  to.set_text_to_image_mean_rank(result.text_to_image_rank.mean);
  to.set_r5_low(result.recall5_low);
  to.set_r5_high(result.recall5_high);
  to.set_modality_gap(result.modality_gap);
  to.set_effective_rank_image(result.effective_rank_image);
  to.set_effective_rank_text(result.effective_rank_text);
  to.set_pool_sample_count(result.pool_sample_count);
  to.set_pooled_image_to_text_r1(result.pooled_image_to_text[0]);
  to.set_pooled_image_to_text_r5(result.pooled_image_to_text[1]);
  to.set_pooled_image_to_text_r10(result.pooled_image_to_text[2]);
  to.set_pooled_text_to_image_r1(result.pooled_text_to_image[0]);
  to.set_pooled_text_to_image_r5(result.pooled_text_to_image[1]);
  to.set_pooled_text_to_image_r10(result.pooled_text_to_image[2]);
  return to;
}

v1::Drift ToProto(const DriftResult& result) {
  v1::Drift to;
  to.set_phase(result.phase);
  to.set_reference_phase(result.reference_phase);
  to.set_reference(result.reference);
  to.set_probe(result.probe);
  to.set_sample_count(result.sample_count);
  *to.mutable_self_angle_change_image() =
      ToProto(result.self_angle_change_image);
  *to.mutable_self_angle_change_text() = ToProto(result.self_angle_change_text);
  *to.mutable_rotation_image() = ToProto(result.rotation_image);
  *to.mutable_rotation_text() = ToProto(result.rotation_text);
  *to.mutable_rotation_gap() = ToProto(result.rotation_gap);
  *to.mutable_cross_angle_change() = ToProto(result.cross_angle_change);
  to.set_deviation_degrees(result.deviation_degrees);
  to.set_deviation_floor_degrees(result.deviation_floor_degrees);
  to.set_deviation_reliable(result.deviation_reliable);
  to.set_residual_image_degrees(result.residual_image_degrees);
  to.set_residual_text_degrees(result.residual_text_degrees);
  return to;
}

v1::ArtifactHeader::Kind ToProto(ArtifactKind kind) {
  switch (kind) {
    case ArtifactKind::kResult:
      return v1::ArtifactHeader::RESULT;
    case ArtifactKind::kResumePoint:
      return v1::ArtifactHeader::RESUME_POINT;
    case ArtifactKind::kInitial:
      return v1::ArtifactHeader::INITIAL;
  }
  return v1::ArtifactHeader::KIND_UNSPECIFIED;
}

v1::GroupEnded::Outcome ToOutcome(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return v1::GroupEnded::FINISHED;
    case absl::StatusCode::kCancelled:
      return v1::GroupEnded::STOPPED;
    // What no other worker could train either.
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return v1::GroupEnded::FAILED;
    // A peer's, the network's or the coordinator's fault, or of what it has
    // stored: a later group may do better. The coordinator gives a phase up
    // whose groups get no further.
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
      return v1::GroupEnded::BROKEN;
    // This machine's: without it the group may do better.
    default:
      return v1::GroupEnded::UNABLE;
  }
}

}  // namespace keel
