#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/shard/caption.h"
#include "common/status_macros.h"
#include "worker/comm/catch.h"
#include "worker/drift/classification.h"
#include "worker/drift/embedding_check.h"
#include "worker/drift/linear_probe.h"
#include "worker/drift/recall.h"
#include "worker/train/class_list.h"
#include "worker/train/device_setup.h"
#include "worker/train/sample_embedder.h"
#include "worker/train/tool_inputs.h"
#include "worker/train/tools.h"

namespace keel {
namespace {

using Json = nlohmann::ordered_json;

// Prompts encoded in one pass.
constexpr size_t kPromptBatch = 256;
constexpr char kDefaultTemplate[] = "a photo of a {}.";

struct Environment {
  const ClipModel& model;
  const Tokenizer& tokenizer;
  std::ostream& notes;
};

// A shard's images with what their first captions say.
struct LabelledImages {
  at::Tensor image;  // [N, D], not normalised
  std::vector<std::string> labels;
  std::vector<std::string> keys;
};

Json AtCutoffs(const double (&recall)[3]) {
  return {{"1", recall[0]}, {"5", recall[1]}, {"10", recall[2]}};
}

Json RetrievalJson(const RecallResult& recall) {
  Json json;
  json["images"] = recall.sample_count;
  json["captions"] = recall.caption_count;
  json["image_to_text"] = AtCutoffs(recall.image_to_text);
  json["text_to_image"] = AtCutoffs(recall.text_to_image);
  json["r5_interval"] = {recall.recall5_low, recall.recall5_high};
  json["median_rank"] = {{"image_to_text", recall.image_to_text_rank.median},
                         {"text_to_image", recall.text_to_image_rank.median}};
  json["mean_rank"] = {{"image_to_text", recall.image_to_text_rank.mean},
                       {"text_to_image", recall.text_to_image_rank.mean}};
  json["modality_gap"] = recall.modality_gap;
  json["effective_rank"] = {{"image", recall.effective_rank_image},
                            {"text", recall.effective_rank_text}};
  return json;
}

Json AccuracyJson(const Accuracy& accuracy) {
  Json json;
  json["images"] = accuracy.samples;
  json["top1"] = accuracy.top1;
  json["top5"] = accuracy.top5;
  json["mean_per_class"] = accuracy.mean_per_class;
  return json;
}

absl::StatusOr<std::string> FirstCaption(LocalShard& shard,
                                         const SampleRef& sample) {
  const CaptionRef& caption = sample.captions.front();
  KEEL_ASSIGN_OR_RETURN(const std::string entry,
                        shard.Read("", caption.offset, caption.size_bytes));
  return CaptionFromEntry(entry, caption.json_position);
}

absl::StatusOr<LabelledImages> EmbedLabelled(const std::string& path,
                                             const Environment& environment) {
  KEEL_ASSIGN_OR_RETURN(const auto shard, LocalShard::Open(path));
  KEEL_ASSIGN_OR_RETURN(
      EmbeddedSamples embedded,
      EmbedSamples(environment.model, shard->samples(),
                   {.chunks = *shard, .tokenizer = environment.tokenizer}));
  NoteLeftOut(*shard, embedded.samples.size(), environment.notes);
  if (embedded.samples.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": no image in it decodes"));
  }
  LabelledImages images{embedded.embeddings.image.to(at::kDouble), {}, {}};
  for (const int64_t ordinal : embedded.samples) {
    const SampleRef& sample = shard->samples()[0].samples[ordinal];
    images.keys.push_back(sample.key);
    KEEL_ASSIGN_OR_RETURN(images.labels.emplace_back(),
                          FirstCaption(*shard, sample));
  }
  return images;
}

absl::StatusOr<Json> Retrieval(const std::string& path,
                               const Environment& environment) {
  KEEL_ASSIGN_OR_RETURN(const auto shard, LocalShard::Open(path));
  KEEL_ASSIGN_OR_RETURN(
      const EmbeddedCaptions embedded,
      EmbedCaptions(environment.model, shard->samples(),
                    {.chunks = *shard, .tokenizer = environment.tokenizer}));
  NoteLeftOut(*shard, embedded.samples.size(), environment.notes);
  KEEL_ASSIGN_OR_RETURN(const auto recalls,
                        MeasureRecall({embedded.embeddings}));
  return RetrievalJson(recalls.front());
}

// [n, D] on the CPU, float64.
at::Tensor EncodePrompts(const std::vector<std::string>& prompts,
                         const Environment& environment) {
  const int context = environment.model.config().text.context_length;
  const at::Device device = environment.model.logit_scale().device();
  std::vector<at::Tensor> parts;
  for (size_t begin = 0; begin < prompts.size(); begin += kPromptBatch) {
    const size_t end = std::min(prompts.size(), begin + kPromptBatch);
    const at::Tensor tokens = at::zeros(
        {static_cast<int64_t>(end - begin), int64_t{context}}, at::kLong);
    for (size_t i = begin; i < end; ++i) {
      const std::vector<int32_t> ids =
          environment.tokenizer.Tokenize(prompts[i], context);
      const auto row = static_cast<int64_t>(i - begin);
      tokens[row].slice(0, 0, static_cast<int64_t>(ids.size())) =
          at::tensor(ids, at::kInt).to(at::kLong);
    }
    parts.push_back(environment.model.EncodeText(tokens.to(device))
                        .to(at::kCPU, at::kDouble));
  }
  return at::cat(parts);
}

absl::StatusOr<Json> ZeroShot(const EvalOptions& options,
                              const LabelledImages& images,
                              const ClassList& classes,
                              const Environment& environment) {
  std::vector<std::string> templates = {kDefaultTemplate};
  if (!options.templates.empty()) {
    KEEL_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.templates));
    KEEL_ASSIGN_OR_RETURN(templates, ParseTemplates(text, options.templates));
  }
  std::vector<std::string> prompts;
  for (const std::string& name : classes.names()) {
    for (const std::string& one : templates) {
      prompts.push_back(Prompt(one, name));
    }
  }
  KEEL_ASSIGN_OR_RETURN(
      const at::Tensor directions,
      ClassDirections(EncodePrompts(prompts, environment)
                          .view({classes.size(),
                                 static_cast<int64_t>(templates.size()), -1})));
  KEEL_ASSIGN_OR_RETURN(const auto labels,
                        classes.NumbersOf(images.labels, images.keys));
  KEEL_ASSIGN_OR_RETURN(const at::Tensor unit,
                        UnitRows(images.image, "images"));
  KEEL_ASSIGN_OR_RETURN(
      const Accuracy accuracy,
      Classify(unit, at::tensor(labels, at::kLong), directions,
               at::zeros({classes.size()}, at::kDouble)));
  Json json = AccuracyJson(accuracy);
  json["classes"] = classes.size();
  json["templates"] = templates;
  return json;
}

absl::StatusOr<Json> ProbeLinearly(const EvalOptions& options,
                                   const LabelledImages& images,
                                   const std::optional<ClassList>& given,
                                   const Environment& environment) {
  KEEL_ASSIGN_OR_RETURN(const LabelledImages train,
                        EmbedLabelled(options.linear_probe, environment));
  const ClassList classes =
      given.has_value() ? *given : ClassList::OfLabels(train.labels);
  KEEL_ASSIGN_OR_RETURN(const auto train_labels,
                        classes.NumbersOf(train.labels, train.keys));
  KEEL_ASSIGN_OR_RETURN(const auto labels,
                        classes.NumbersOf(images.labels, images.keys));
  KEEL_ASSIGN_OR_RETURN(
      const LinearProbe probe,
      FitLinearProbe(train.image, at::tensor(train_labels, at::kLong),
                     classes.size()));
  KEEL_ASSIGN_OR_RETURN(const Accuracy accuracy,
                        Classify(images.image, at::tensor(labels, at::kLong),
                                 probe.weight, probe.bias));
  Json json = AccuracyJson(accuracy);
  json["classes"] = classes.size();
  json["train_images"] = train.image.size(0);
  json["iterations"] = probe.iterations;
  json["converged"] = probe.converged;
  return json;
}

absl::StatusOr<Json> Measure(const EvalOptions& options,
                             const Environment& environment) {
  Json json;
  if (options.classes.empty() && options.linear_probe.empty()) {
    KEEL_ASSIGN_OR_RETURN(json["retrieval"],
                          Retrieval(options.shard, environment));
    return json;
  }
  // Read before the images, so that a wrong file is found early.
  std::optional<ClassList> classes;
  if (!options.classes.empty()) {
    KEEL_ASSIGN_OR_RETURN(const std::string text, ReadFile(options.classes));
    KEEL_ASSIGN_OR_RETURN(classes, ClassList::Parse(text, options.classes));
  }
  KEEL_ASSIGN_OR_RETURN(const LabelledImages images,
                        EmbedLabelled(options.shard, environment));
  if (classes.has_value()) {
    KEEL_ASSIGN_OR_RETURN(json["zero_shot"],
                          ZeroShot(options, images, *classes, environment));
  }
  if (!options.linear_probe.empty()) {
    KEEL_ASSIGN_OR_RETURN(json["linear_probe"],
                          ProbeLinearly(options, images, classes, environment));
  }
  return json;
}

absl::Status Eval(const EvalOptions& options, std::ostream& out,
                  std::ostream& notes) {
  if (options.classes.empty() && !options.templates.empty()) {
    return absl::InvalidArgumentError("--templates needs --classes");
  }
  KEEL_ASSIGN_OR_RETURN(const c10::Device device,
                        ResolveDevice(options.device));
  SetUpProcess(options.threads);
  KEEL_ASSIGN_OR_RETURN(ClipModel model,
                        LoadCheckpointFolder(options.checkpoint, device));
  model.RequireGrad(false);
  const Tokenizer tokenizer;
  KEEL_ASSIGN_OR_RETURN(const Json json,
                        Measure(options, {model, tokenizer, notes}));
  const std::string text = json.dump(2) + "\n";
  if (!options.result.empty()) {
    return WriteFileAtomically(options.result, text);
  }
  out << text;
  return absl::OkStatus();
}

}  // namespace

absl::Status EvaluateShard(const EvalOptions& options, std::ostream& out,
                           std::ostream& notes) {
  return CatchStatus(absl::StatusCode::kInternal, "eval",
                     [&] { return Eval(options, out, notes); });
}

}  // namespace keel
