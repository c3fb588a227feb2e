#include "worker/model/preset.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace keel {
namespace {

using Json = nlohmann::json;

// As for a stream's `model` (docs/limits.md).
constexpr int kMaxPixels = 2048;
constexpr int kMaxWidth = 16384;
constexpr int kMaxLayers = 256;
constexpr int kMaxHeads = 256;
constexpr int kMaxContext = 4096;
constexpr int kMaxVocabulary = 49408;
constexpr int kMaxMlpRatio = 64;

// One section of a configuration file: typed reads, and a check that nothing
// was left unread.
class Section {
 public:
  Section(std::string name, const Json& json)
      : name_(std::move(name)), json_(json) {}

  // From 1 to `most`.
  absl::Status Int(const char* key, int fallback, int most, int& value) {
    seen_.push_back(key);
    value = fallback;
    if (!json_.contains(key)) return absl::OkStatus();
    const Json& found = json_.at(key);
    if (!found.is_number_integer() || found.get<int64_t>() < 1 ||
        found.get<int64_t>() > most) {
      return Wrong(key, absl::StrCat("a whole number from 1 to ", most));
    }
    value = found.get<int>();
    return absl::OkStatus();
  }

  // A list of four.
  absl::Status Stages(const char* key, std::vector<int>& values) {
    seen_.push_back(key);
    const Json& found = json_.at(key);
    const bool good =
        found.size() == 4 &&
        std::all_of(found.begin(), found.end(), [](const Json& item) {
          return item.is_number_integer() && item.get<int64_t>() >= 1 &&
                 item.get<int64_t>() <= kMaxLayers;
        });
    if (!good) {
      return Wrong(key,
                   absl::StrCat("four whole numbers from 1 to ", kMaxLayers));
    }
    values = found.get<std::vector<int>>();
    return absl::OkStatus();
  }

  void Ignore(const char* key) { seen_.push_back(key); }

  absl::Status Ratio(const char* key, double fallback, double& value) {
    seen_.push_back(key);
    value = fallback;
    if (!json_.contains(key)) return absl::OkStatus();
    if (!json_.at(key).is_number() || json_.at(key).get<double>() <= 0 ||
        json_.at(key).get<double>() > kMaxMlpRatio) {
      return Wrong(key, absl::StrCat("a number from 0 to ", kMaxMlpRatio));
    }
    value = json_.at(key).get<double>();
    return absl::OkStatus();
  }

  absl::Status Bool(const char* key, bool fallback, bool& value) {
    seen_.push_back(key);
    value = fallback;
    if (!json_.contains(key)) return absl::OkStatus();
    if (!json_.at(key).is_boolean()) return Wrong(key, "true or false");
    value = json_.at(key).get<bool>();
    return absl::OkStatus();
  }

  absl::Status Require(const char* key) const {
    if (json_.contains(key)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(name_, key, " is missing"));
  }

  // A key that may stand there with the value of Keel's only architecture.
  void Fixed(const char* key, Json value) {
    seen_.push_back(key);
    if (json_.contains(key) && json_.at(key) != value) foreign_ = key;
  }

  // Every other key says something that Keel's CLIP does not have, unless its
  // value switches it off.
  absl::Status Finish() const {
    std::string foreign = foreign_;
    for (const auto& [key, value] : json_.items()) {
      const bool off = value.is_null() || value == false || value == 0;
      const bool seen =
          std::find(seen_.begin(), seen_.end(), key) != seen_.end();
      if (!seen && !off) foreign = key;
    }
    if (foreign.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(name_, foreign, " = ", json_.at(foreign).dump(),
                     ": an architecture that Keel does not have"));
  }

 private:
  absl::Status Wrong(const char* key, const std::string& expected) const {
    return absl::InvalidArgumentError(absl::StrCat(
        name_, key, " is ", json_.at(key).dump(), ", not ", expected));
  }

  const std::string name_;
  const Json& json_;
  std::vector<std::string> seen_;
  std::string foreign_;
};

// The keys of a transformer may stand there too: OpenCLIP makes nothing of
// them.
absl::StatusOr<ModelConfig::Vision> ReadResNet(const Json& json) {
  Section section("vision_cfg.", json);
  ModelConfig::Vision vision;
  int head_width = 0;
  KEEL_RETURN_IF_ERROR(
      section.Int("image_size", 224, kMaxPixels, vision.image_size));
  KEEL_RETURN_IF_ERROR(section.Int("width", 768, kMaxWidth, vision.width));
  KEEL_RETURN_IF_ERROR(section.Stages("layers", vision.blocks));
  KEEL_RETURN_IF_ERROR(section.Int("head_width", 64, kMaxWidth, head_width));
  section.Ignore("patch_size");
  section.Ignore("mlp_ratio");
  KEEL_RETURN_IF_ERROR(section.Finish());
  if (vision.image_size % 32 != 0) {
    return absl::InvalidArgumentError(
        "vision_cfg.image_size is no multiple of 32");
  }
  if (vision.width % 2 != 0) {
    return absl::InvalidArgumentError("vision_cfg.width is odd");
  }
  if (32 * vision.width % head_width != 0) {
    return absl::InvalidArgumentError(
        "vision_cfg.head_width does not divide 32 times vision_cfg.width");
  }
  vision.heads = 32 * vision.width / head_width;
  return vision;
}

absl::StatusOr<ModelConfig::Vision> ReadVision(const Json& json) {
  // OpenCLIP's sign of a ResNet.
  if (json.contains("layers") && json.at("layers").is_array()) {
    return ReadResNet(json);
  }
  Section section("vision_cfg.", json);
  ModelConfig::Vision vision;
  int head_width = 0;
  KEEL_RETURN_IF_ERROR(
      section.Int("image_size", 224, kMaxPixels, vision.image_size));
  KEEL_RETURN_IF_ERROR(
      section.Int("patch_size", 16, kMaxPixels, vision.patch_size));
  KEEL_RETURN_IF_ERROR(section.Int("width", 768, kMaxWidth, vision.width));
  KEEL_RETURN_IF_ERROR(section.Int("layers", 12, kMaxLayers, vision.layers));
  KEEL_RETURN_IF_ERROR(section.Int("head_width", 64, kMaxWidth, head_width));
  KEEL_RETURN_IF_ERROR(section.Ratio("mlp_ratio", 4.0, vision.mlp_ratio));
  section.Fixed("pool_type", "tok");
  section.Fixed("pos_embed_type", "learnable");
  KEEL_RETURN_IF_ERROR(section.Finish());
  if (vision.width % head_width != 0) {
    return absl::InvalidArgumentError(
        "vision_cfg.head_width does not divide vision_cfg.width");
  }
  if (vision.image_size % vision.patch_size != 0) {
    return absl::InvalidArgumentError(
        "vision_cfg.patch_size does not divide vision_cfg.image_size");
  }
  vision.heads = vision.width / head_width;
  return vision;
}

absl::StatusOr<ModelConfig::Text> ReadText(const Json& json) {
  Section section("text_cfg.", json);
  ModelConfig::Text text;
  KEEL_RETURN_IF_ERROR(
      section.Int("context_length", 77, kMaxContext, text.context_length));
  KEEL_RETURN_IF_ERROR(
      section.Int("vocab_size", 49408, kMaxVocabulary, text.vocab_size));
  KEEL_RETURN_IF_ERROR(section.Int("width", 512, kMaxWidth, text.width));
  KEEL_RETURN_IF_ERROR(section.Int("heads", 8, kMaxHeads, text.heads));
  KEEL_RETURN_IF_ERROR(section.Int("layers", 12, kMaxLayers, text.layers));
  KEEL_RETURN_IF_ERROR(section.Ratio("mlp_ratio", 4.0, text.mlp_ratio));
  section.Fixed("pool_type", "argmax");
  section.Fixed("proj_type", "linear");
  section.Fixed("eos_id", 2);
  KEEL_RETURN_IF_ERROR(section.Finish());
  if (text.width % text.heads != 0) {
    return absl::InvalidArgumentError(
        "text_cfg.heads does not divide text_cfg.width");
  }
  return text;
}

absl::StatusOr<ModelConfig> ReadModel(const Json& json) {
  Section section("", json);
  ModelConfig config;
  for (const char* key : {"embed_dim", "vision_cfg", "text_cfg"}) {
    KEEL_RETURN_IF_ERROR(section.Require(key));
  }
  KEEL_RETURN_IF_ERROR(
      section.Int("embed_dim", 0, kMaxWidth, config.embed_dim));
  KEEL_RETURN_IF_ERROR(section.Bool("quick_gelu", false, config.quick_gelu));
  section.Fixed("vision_cfg", json.at("vision_cfg"));
  section.Fixed("text_cfg", json.at("text_cfg"));
  KEEL_RETURN_IF_ERROR(section.Finish());
  for (const char* key : {"vision_cfg", "text_cfg"}) {
    if (json.at(key).is_object()) continue;
    return absl::InvalidArgumentError(absl::StrCat(key, " is not an object"));
  }
  KEEL_ASSIGN_OR_RETURN(config.vision, ReadVision(json.at("vision_cfg")));
  KEEL_ASSIGN_OR_RETURN(config.text, ReadText(json.at("text_cfg")));
  return config;
}

Json VisionJson(const ModelConfig::Vision& vision) {
  if (!vision.blocks.empty()) {
    return {{"image_size", vision.image_size},
            {"layers", vision.blocks},
            {"width", vision.width},
            {"head_width", 32 * vision.width / vision.heads},
            {"patch_size", nullptr}};
  }
  return {{"image_size", vision.image_size},
          {"layers", vision.layers},
          {"width", vision.width},
          {"head_width", vision.width / vision.heads},
          {"patch_size", vision.patch_size},
          {"mlp_ratio", vision.mlp_ratio}};
}

Json ModelJson(const ModelConfig& config) {
  const ModelConfig::Text& text = config.text;
  return {{"embed_dim", config.embed_dim},
          {"quick_gelu", config.quick_gelu},
          {"vision_cfg", VisionJson(config.vision)},
          {"text_cfg",
           {{"context_length", text.context_length},
            {"vocab_size", text.vocab_size},
            {"width", text.width},
            {"heads", text.heads},
            {"layers", text.layers},
            {"mlp_ratio", text.mlp_ratio}}}};
}

// The first value of `found` that `wanted` has not.
absl::Status Compare(const Json& found, const Json& wanted,
                     const std::string& section) {
  for (const auto& [key, value] : found.items()) {
    const Json other = wanted.value(key, Json());
    if (value == other) continue;
    if (value.is_object()) {
      KEEL_RETURN_IF_ERROR(Compare(value, other, key + "."));
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat(section, key, " is ", value.dump(),
                     ", the stream's model has ", other.dump()));
  }
  return absl::OkStatus();
}

}  // namespace

std::string OpenClipConfigJson(const ModelConfig& config) {
  const Json preprocess = {{"mean", {0.48145466, 0.4578275, 0.40821073}},
                           {"std", {0.26862954, 0.26130258, 0.27577711}},
                           {"interpolation", "bicubic"},
                           {"resize_mode", "shortest"}};
  return Json{{"model_cfg", ModelJson(config)}, {"preprocess_cfg", preprocess}}
             .dump(2) +
         "\n";
}

absl::Status RequireSameArchitecture(const ModelConfig& found,
                                     const ModelConfig& wanted) {
  return Compare(ModelJson(found), ModelJson(wanted), "");
}

absl::StatusOr<ModelConfig> ModelConfigFromOpenClipJson(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError(
        "OpenCLIP configuration: not a JSON object");
  }
  return ReadModel(parsed.contains("model_cfg") ? parsed.at("model_cfg")
                                                : parsed);
}

}  // namespace keel
