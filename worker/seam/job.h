// What the coordinator wants done, as plain structs: the agent half decodes
// messages into these, the training half knows only these.
#ifndef KEEL_WORKER_SEAM_JOB_H_
#define KEEL_WORKER_SEAM_JOB_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/shard/shard_types.h"
#include "worker/seam/config.h"

namespace keel {

// Where a caption's bytes stand in the chunk.
struct CaptionRef {
  // First 16 bytes of the SHA-256 of the caption, raw.
  std::string digest;
  int64_t offset = 0;
  int32_t size_bytes = 0;
  // As keel.storage.v1.CaptionIndex.json_position.
  int32_t json_position = -2;
};

// Where a sample's bytes stand in the chunk.
struct SampleRef {
  std::string key;
  int64_t image_offset = 0;
  int32_t image_size_bytes = 0;
  // First 16 bytes of the SHA-256 of the image's bytes, raw.
  std::string image_digest;
  ImageFormat format = ImageFormat::kJpeg;
  int width = 0;
  int height = 0;
  std::vector<CaptionRef> captions;
};

// Some samples of one chunk, in order.
struct SampleList {
  std::string chunk_digest;
  std::vector<SampleRef> samples;
};

// A file of a checkpoint; the agent fetches it before the job starts.
struct LocalFile {
  std::string name;
  std::string path;
};

// Train a phase as one member of a group.
struct TrainJob {
  int64_t generation = 0;
  int rank = 0;
  int world_size = 1;
  std::string stream;
  int phase = 0;
  int attempt = 0;
  StreamConfig config;
  // Samples in order of their ordinals, chunk by chunk: the planned ones, of
  // which there are sample_count, then the replayed ones.
  std::vector<SampleList> samples;
  int64_t sample_count = 0;
  int64_t replay_count = 0;
  // For the manifest: digests of the plan and of the planned samples' chunks,
  // and where `config` differs from its profile.
  std::string plan_digest;
  std::vector<std::string> chunk_digests;
  std::vector<ConfigDeviation> deviations;
  // Weights to start from, and the teacher's. Empty: random from the seed,
  // and no teacher.
  std::vector<LocalFile> parent_files;
  // Number of the parent checkpoint; -1: random weights.
  int parent = -1;
  // Files of the resume point to start from; empty: from the parent.
  std::vector<LocalFile> resume_files;
  int64_t start_step = 0;
  // Of probe sets, to measure drift on while it trains; only on member 0.
  std::vector<SampleList> live_samples;
};

struct ProbeSet {
  std::string name;
  std::vector<SampleList> samples;
};

// Measure recall of a checkpoint.
struct EvaluateJob {
  std::string task_id;
  std::string stream;
  int phase = 0;
  StreamConfig config;
  std::vector<LocalFile> files;
  std::vector<ProbeSet> probes;
};

// Measure spatial disorder of a checkpoint against a reference.
struct DriftJob {
  std::string task_id;
  std::string stream;
  int phase = 0;
  StreamConfig config;
  std::vector<LocalFile> files;
  std::vector<LocalFile> reference_files;
  int reference_phase = 0;
  std::string reference;  // "parent" or "origin"
  std::vector<ProbeSet> probes;
};

// ---- results -------------------------------------------------------------

struct StruckSample {
  int64_t sample = 0;  // ordinal among the phase's samples
  std::string reason;
};

// One committed step.
struct StepReport {
  int64_t step = 0;
  int sample_count = 0;
  uint64_t hash_low = 0;
  uint64_t hash_high = 0;
  std::vector<StruckSample> struck;
  double loss_total = 0;
  double loss_contrastive = 0;
  double loss_distill = 0;
  double learning_rate = 0;
  double logit_scale = 0;
  // Rows kept by screening, 0 to 1; none where nothing is screened.
  std::optional<double> agreement_image;
  std::optional<double> agreement_text;
  double seconds = 0;
};

// Ranks of the right matches, from 1.
struct RankSummary {
  double median = 0;
  double mean = 0;
};

// Ratios of 0 to 1.
struct RecallResult {
  int phase = 0;
  std::string probe;
  int64_t sample_count = 0;
  int64_t caption_count = 0;
  double image_to_text[3] = {};  // at 1, 5, 10
  double text_to_image[3] = {};
  RankSummary image_to_text_rank;
  RankSummary text_to_image_rank;
  // 95 % interval of the mean of both recalls at 5.
  double recall5_low = 0;
  double recall5_high = 0;
  // The same queries in a gallery of that many images with their captions: all
  // probe sets of the task. 0: not measured.
  int64_t pool_sample_count = 0;
  double pooled_image_to_text[3] = {};
  double pooled_text_to_image[3] = {};
  // Distance of the modalities' means.
  double modality_gap = 0;
  double effective_rank_image = 0;
  double effective_rank_text = 0;
};

// Degrees.
struct AngleDistribution {
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double max = 0;
  std::vector<int64_t> counts;  // 180 bins of one degree
};

struct DriftResult {
  int phase = 0;
  int reference_phase = 0;
  std::string reference;
  std::string probe;
  int64_t sample_count = 0;
  AngleDistribution self_angle_change_image;
  AngleDistribution self_angle_change_text;
  AngleDistribution rotation_image;
  AngleDistribution rotation_text;
  AngleDistribution rotation_gap;
  AngleDistribution cross_angle_change;
  double deviation_degrees = 0;
  double deviation_floor_degrees = 0;
  bool deviation_reliable = false;
  double residual_image_degrees = 0;
  double residual_text_degrees = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_SEAM_JOB_H_
