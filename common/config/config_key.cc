#include "common/config/config_key.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/config/config_value.h"
#include "common/model/model_config.h"

namespace keel {
namespace {

using enum ConfigUnit;
using enum ConfigRange;

std::vector<ConfigKey> ModelKeys() {
  return {
      {.path = "model.preset",
       .choices = "tiny|tiny-bench|vit-b-32|vit-b-16|vit-l-14|rn50",
       .doc = "Named architecture; 'tiny' if nothing is said of the model."},
      {.path = "model.open_clip_config",
       .unit = kFile,
       .doc = "OpenCLIP's JSON of the architecture, in place of a preset."},
      {.path = "model.embed_dim",
       .range = kPositive,
       .at_most = kMaxWidth,
       .doc = "Width of the common embedding space."},
      {.path = "model.quick_gelu",
       .doc = "x * sigmoid(1.702 x) in place of the exact GELU."},
      {.path = "model.vision.image_size",
       .range = kPositive,
       .at_most = kMaxImageSize,
       .doc =
           "Height and width of the input, in pixels; of a ResNet a multiple "
           "of 32."},
      {.path = "model.vision.patch_size",
       .range = kPositive,
       .at_most = kMaxImageSize,
       .doc = "Height and width of a patch, in pixels; divides image_size."},
      {.path = "model.vision.width",
       .range = kPositive,
       .at_most = kMaxWidth,
       .doc = "Width of the image tower; of a ResNet channels after its stem."},
      {.path = "model.vision.blocks",
       .unit = kIntegers,
       .range = kPositive,
       .at_most = kMaxLayers,
       .doc = "Bottlenecks in the four stages of a ResNet, such as [3, 4, 6, "
              "3], which has no patch_size, layers and mlp_ratio; without it "
              "the image tower is a transformer."},
      {.path = "model.vision.layers",
       .range = kPositive,
       .at_most = kMaxLayers,
       .doc = "Layers of the image tower."},
      {.path = "model.vision.heads",
       .range = kPositive,
       .at_most = kMaxHeads,
       .doc = "Attention heads of the image tower, dividing width; of a ResNet "
              "those of its pooling, dividing 32 times width."},
      {.path = "model.vision.mlp_ratio",
       .range = kPositive,
       .at_most = kMaxMlpRatio,
       .fallback = "4",
       .doc = "Width of the MLP relative to width."},
      {.path = "model.text.context_length",
       .range = kPositive,
       .at_most = kMaxContext,
       .fallback = "77",
       .doc = "Tokens per caption, start and end included; at least 3."},
      {.path = "model.text.vocab_size",
       .range = kPositive,
       .at_most = kMaxVocabulary,
       .fallback = "49408",
       .doc = "Tokens known: those of CLIP's BPE, no other number."},
      {.path = "model.text.width",
       .range = kPositive,
       .at_most = kMaxWidth,
       .doc = "Width of the text tower."},
      {.path = "model.text.layers",
       .range = kPositive,
       .at_most = kMaxLayers,
       .doc = "Layers of the text tower."},
      {.path = "model.text.heads",
       .range = kPositive,
       .at_most = kMaxHeads,
       .doc = "Attention heads of the text tower; divides width."},
      {.path = "model.text.mlp_ratio",
       .range = kPositive,
       .at_most = kMaxMlpRatio,
       .fallback = "4",
       .doc = "Width of the MLP relative to width."},
      {.path = "initial.checkpoint",
       .unit = kFile,
       .doc = "Folder in OpenCLIP's layout or .safetensors to start from; "
              "random weights from the seed without it."},
  };
}

std::vector<ConfigKey> MethodKeys() {
  return {
      {.path = "method.name",
       .choices = "finetune|modx|lwf|ewc|joint",
       .fallback = "modx",
       .doc = "Training method: see Methods below."},
      {.path = "method.profile",
       .choices = "modx-safe|modx-official",
       .fallback = "modx-safe",
       .doc = "Set of defaults: Keel's, or those of the published code."},
      {.path = "method.alpha",
       .range = kNotNegative,
       .fallback = "20",
       .lwf_fallback = "1",
       .doc = "Weight of the alignment (modx) or distillation (lwf)."},
      {.path = "method.kl_reduction",
       .fallback = "batch_invariant",
       .official_fallback = "sum",
       .doc = "How the rows' KL are summed up: batch_invariant (alpha * 280 / "
              "B on the sum), sum, mean, or kept_rows (over the rows that "
              "screening kept)."},
      {.path = "method.kl_temperature",
       .range = kPositive,
       .fallback = "1",
       .doc = "Temperature of the alignment's softmax on cosines."},
      {.path = "method.kl_diagonal",
       .fallback = "true",
       .doc = "The alignment's softmaxes take in the pairs themselves; false: "
              "only the other entries."},
      {.path = "method.screening",
       .fallback = "teacher_right",
       .doc = "Rows and columns that are aligned: those the parent gets right "
              "(teacher_right), or all (none)."},
      {.path = "method.ties",
       .fallback = "keep_ties",
       .official_fallback = "first_index",
       .doc = "A row whose pair ties with another entry, within 1e-6: kept, "
              "kept if the pair stands first (first_index, as torch.max on a "
              "CPU), or dropped (strict)."},
      {.path = "method.ewc_lambda",
       .range = kPositive,
       .fallback = "5000",
       .doc = "Weight of the pull towards the parent's weights (ewc)."},
      {.path = "method.interpolate",
       .range = kShareAboveZero,
       .fallback = "1",
       .doc = "Weight of the new weights against the parent's after the "
              "phase."},
      {.path = "method.replay.samples",
       .range = kNotNegative,
       .at_most = 1000000,
       .fallback = "0",
       .doc = "Samples kept for replay, a uniform choice out of all that the "
              "published phases trained; 0: no replay."},
      {.path = "method.replay.per_batch",
       .range = kNotNegative,
       .at_most = 1048576,
       .fallback = "0",
       .doc = "Kept samples added to each batch; 1 to replay.samples where "
              "those are kept."},
  };
}

std::vector<ConfigKey> TrainKeys() {
  return {
      {.path = "train.epochs",
       .range = kPositive,
       .at_most = 10000,
       .fallback = "35",
       .doc = "Passes over a phase's samples."},
      {.path = "train.global_batch",
       .range = kPositive,
       .at_most = 1048576,
       .fallback = "280",
       .doc = "Pairs per step, over the whole group."},
      {.path = "train.lr",
       .range = kPositive,
       .fallback = "5e-4",
       .doc = "Peak learning rate."},
      {.path = "train.weight_decay",
       .range = kNotNegative,
       .fallback = "0.1",
       .doc = "AdamW's decoupled decay."},
      {.path = "train.warmup",
       .range = kShareBelowOne,
       .fallback = "0.2",
       .doc = "Share of the steps spent on linear warm-up."},
      {.path = "train.precision",
       .fallback = "fp32",
       .doc = "Arithmetic of the towers."},
      {.path = "train.seed",
       .fallback = "0",
       .doc = "Decides initial weights, order and captions."},
      {.path = "train.beta1",
       .range = kShareOpen,
       .fallback = "0.9",
       .doc = "AdamW's decay of the mean."},
      {.path = "train.beta2",
       .range = kShareOpen,
       .fallback = "0.999",
       .doc = "AdamW's decay of the variance."},
      {.path = "train.epsilon",
       .range = kPositive,
       .fallback = "1e-8",
       .doc = "AdamW's epsilon."},
      {.path = "train.decay_all",
       .fallback = "false",
       .official_fallback = "true",
       .doc = "Decays biases, norms, class tokens and logit_scale too."},
      {.path = "train.drop_last",
       .fallback = "false",
       .official_fallback = "true",
       .doc = "Leaves out of each epoch what does not fill a batch; a phase "
              "of fewer samples than that fails."},
      {.path = "train.clip_grad_norm",
       .range = kNotNegative,
       .fallback = "0",
       .doc = "Largest norm of the gradient; 0: no clipping."},
      {.path = "train.micro_batch",
       .range = kNotNegative,
       .at_most = 1048576,
       .fallback = "0",
       .doc = "Pairs of a worker that are encoded at once, to save memory; "
              "each is encoded twice then, with the same result. 0: all."},
      {.path = "train.batch_norm",
       .fallback = "auto",
       .official_fallback = "sync",
       .doc = "What a ResNet's BatchNorm trains with: sync, the whole batch's "
              "statistics over the group; frozen, those it has; auto, sync "
              "from random weights and frozen after a parent."},
  };
}

std::vector<ConfigKey> ServiceKeys() {
  return {
      {.path = "group.min_workers",
       .range = kPositive,
       .at_most = 65536,
       .fallback = "1",
       .doc = "Fewest workers that train the stream."},
      {.path = "group.max_workers",
       .range = kPositive,
       .at_most = 65536,
       .fallback = "64",
       .doc = "Most workers that train the stream; at least min_workers."},
      {.path = "group.priority",
       .fallback = "0",
       .doc = "A stream with a greater one goes first."},
      {.path = "phase.policy",
       .fallback = "each_chunk",
       .doc = "When chunks become a phase: each_chunk, manual (keel phase "
              "close), or min_samples."},
      {.path = "phase.min_samples",
       .range = kPositive,
       .fallback = "100000",
       .doc = "Samples that start a phase under policy min_samples."},
      {.path = "phase.max_wait",
       .range = kNotNegative,
       .fallback = "1h",
       .doc = "Longest wait of a chunk for min_samples."},
  };
}

std::vector<ConfigKey> DataKeys() {
  return {
      {.path = "probe.fraction",
       .range = kShareBelowOne,
       .fallback = "0.05",
       .doc = "Share of each chunk's samples that is held out, chosen by a "
              "hash of the image."},
      {.path = "probe.max_per_phase",
       .range = kPositive,
       .fallback = "5000",
       .doc = "Most samples that one phase holds out."},
      {.path = "probe.evaluate",
       .fallback = "all",
       .doc = "Probe sets to evaluate after a phase: all, or spaced (of more "
              "than eight the first, the last, and those 1, 2, 4, 8, ... "
              "before the last; submitted ones always)."},
      {.path = "drift.live_every_steps",
       .range = kNotNegative,
       .fallback = "100",
       .doc = "Steps between two measurements of drift while a phase trains; "
              "0: none."},
      {.path = "drift.live_samples",
       .range = kPositive,
       .at_most = 4096,
       .fallback = "256",
       .doc = "Probe samples that they are made on."},
      {.path = "checkpoint.resume_every",
       .range = kPositive,
       .fallback = "60s",
       .doc = "Interval of resume points."},
      {.path = "checkpoint.keep",
       .unit = kCountOrAll,
       .range = kNotNegative,
       .fallback = "all",
       .doc =
           "Newest published checkpoints to keep; only all is supported yet."},
      {.path = "limits.max_image_pixels",
       .range = kPositive,
       .fallback = "100000000",
       .doc = "Largest image, in pixels."},
      {.path = "limits.max_image_bytes",
       .unit = kBytes,
       .range = kPositive,
       .fallback = "64MiB",
       .doc = "Largest image file."},
      {.path = "limits.max_caption_bytes",
       .unit = kBytes,
       .range = kPositive,
       .fallback = "64KiB",
       .doc = "Longest caption."},
      {.path = "limits.max_captions_per_sample",
       .range = kPositive,
       .fallback = "100",
       .doc = "Most captions of one image."},
      {.path = "limits.max_samples_per_chunk",
       .range = kPositive,
       .fallback = "1000000",
       .doc = "Most samples of one chunk."},
      {.path = "limits.max_chunk_bytes",
       .unit = kBytes,
       .range = kPositive,
       .fallback = "64GiB",
       .doc = "Largest chunk."},
      {.path = "limits.max_struck_fraction",
       .range = kShare,
       .fallback = "0.01",
       .doc = "Largest share of a phase's samples that may fail to decode."},
  };
}

std::string ParentOf(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string LeafOf(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

// Levenshtein's distance.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// Paths of all keys and groups.
std::vector<std::string> AllPaths() {
  std::vector<std::string> paths;
  for (const ConfigKey& key : ConfigKeys()) {
    for (auto path = key.path; !path.empty(); path = ParentOf(path)) {
      if (std::find(paths.begin(), paths.end(), path) == paths.end()) {
        paths.push_back(path);
      }
    }
  }
  return paths;
}

std::string DefaultText(const ConfigKey& key) {
  if (key.fallback.empty()) return "";
  std::string text = absl::StrCat("`", key.fallback, "`");
  if (!key.official_fallback.empty()) {
    absl::StrAppend(&text, "; `", key.official_fallback, "` in modx-official");
  }
  if (!key.lwf_fallback.empty()) {
    absl::StrAppend(&text, "; `", key.lwf_fallback, "` with lwf");
  }
  return text;
}

}  // namespace

const std::vector<ConfigKey>& ConfigKeys() {
  static const auto* const keys = [] {
    auto* all = new std::vector<ConfigKey>;
    for (const auto& part :
         {ModelKeys(), MethodKeys(), TrainKeys(), ServiceKeys(), DataKeys()}) {
      all->insert(all->end(), part.begin(), part.end());
    }
    return all;
  }();
  return *keys;
}

const ConfigKey* FindConfigKey(std::string_view path) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

bool IsConfigSection(std::string_view path) {
  const std::string prefix = std::string(path) + ".";
  return std::any_of(
      ConfigKeys().begin(), ConfigKeys().end(),
      [&](const ConfigKey& key) { return absl::StartsWith(key.path, prefix); });
}

std::string SuggestConfigKey(const std::string& path) {
  const std::string leaf = LeafOf(path);
  std::string nearest;
  // One typo for each three letters.
  size_t least = leaf.size() / 3 + 2;
  for (const std::string& candidate : AllPaths()) {
    if (ParentOf(candidate) != ParentOf(path)) continue;
    const size_t distance = EditDistance(leaf, LeafOf(candidate));
    if (distance < least) {
      least = distance;
      nearest = LeafOf(candidate);
    }
  }
  if (!nearest.empty()) return nearest;
  for (const std::string& candidate : AllPaths()) {
    if (LeafOf(candidate) == leaf) return candidate;
  }
  return "";
}

std::string ConfigKeyReference() {
  std::string text =
      "| key | default | range | meaning |\n| --- | --- | --- | --- |\n";
  for (const ConfigKey& key : ConfigKeys()) {
    absl::StrAppend(&text, "| `", key.path, "` | ", DefaultText(key), " | ",
                    ConfigRangeText(key), " | ", key.doc, " |\n");
  }
  return text;
}

}  // namespace keel
