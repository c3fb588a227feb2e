#include "common/model/open_clip_config.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/string_view.h"

namespace keel {
namespace {

using Json = nlohmann::json;

constexpr int kHeadWidth = 64;

bool Contains(const Json& list, const Json& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// A JSON object and its place in the file.
class Section {
 public:
  Section(const Json& object, std::string file_name, std::string path)
      : object_(object),
        file_name_(std::move(file_name)),
        path_(std::move(path)) {}

  absl::Status Error(const std::string& key, const std::string& problem) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name_, ": '", path_, key, "' ", problem));
  }

  bool Has(const char* key) const {
    return object_.contains(key) && !object_[key].is_null();
  }
  const Json& operator[](const char* key) const { return object_[key]; }

  // Leave `value` as it is where the key is absent.
  absl::Status Integer(const char* key, int least, int most, int& value) const {
    if (!Has(key)) return absl::OkStatus();
    const Json& found = object_[key];
    if (!found.is_number_integer() || found < least || found > most) {
      return Error(
          key, absl::StrCat("is ", found.dump(), ", not a whole number from ",
                            least, " to ", most));
    }
    value = found.get<int>();
    return absl::OkStatus();
  }

  // Of an MLP beside `width`, which must leave it one unit.
  absl::Status Ratio(const char* key, int width, double& value) const {
    if (!Has(key)) return absl::OkStatus();
    const Json& found = object_[key];
    if (!found.is_number() || found.get<double>() * width < 1 ||
        found.get<double>() > kMaxMlpRatio) {
      return Error(
          key, absl::StrCat("is ", found.dump(),
                            ", not a number from 1/width to ", kMaxMlpRatio));
    }
    value = found.get<double>();
    return absl::OkStatus();
  }

  absl::Status Bool(const char* key, bool& value) const {
    if (!Has(key)) return absl::OkStatus();
    if (!object_[key].is_boolean()) {
      return Error(key,
                   absl::StrCat("is ", object_[key].dump(), ", not a boolean"));
    }
    value = object_[key].get<bool>();
    return absl::OkStatus();
  }

  absl::Status Require(const char* key) const {
    return Has(key) ? absl::OkStatus() : Error(key, "is missing");
  }

  absl::StatusOr<Section> Object(const char* key) const {
    KEEL_RETURN_IF_ERROR(Require(key));
    if (!object_[key].is_object()) return Error(key, "is not an object");
    return Section(object_[key], file_name_, absl::StrCat(path_, key, "."));
  }

  // Refuses keys that neither are in `known` nor switch a feature off nor have
  // in `neutral` the value that OpenCLIP assumes without them.
  absl::Status CheckOthers(const Json& known, const Json& neutral) const {
    for (const auto& [key, value] : object_.items()) {
      if (Contains(known, key)) continue;
      const bool off = value.is_null() || value == false || value == 0;
      const bool usual = neutral.contains(key) && neutral.at(key) == value;
      if (!off && !usual) {
        return Error(key, absl::StrCat("is ", value.dump(),
                                       ": not supported by this version"));
      }
    }
    return absl::OkStatus();
  }

 private:
  const Json& object_;
  const std::string file_name_;
  const std::string path_;
};

// The heads that OpenCLIP makes of a width, by the width of one.
absl::Status ReadHeads(const Section& cfg, int width, int& heads) {
  int head_width = kHeadWidth;
  KEEL_RETURN_IF_ERROR(
      cfg.Integer("head_width", 1, 32 * kMaxWidth, head_width));
  if (width % head_width != 0) {
    return cfg.Error(
        "head_width",
        absl::StrCat("is ", head_width, ", which does not divide ", width));
  }
  heads = width / head_width;
  if (heads <= kMaxHeads) return absl::OkStatus();
  return cfg.Error("head_width",
                   absl::StrCat("is ", head_width, ", which makes ", heads,
                                " heads, more than ", kMaxHeads));
}

// OpenCLIP makes nothing of the keys of a transformer here.
absl::Status ReadResNet(const Section& cfg, ModelConfig::Vision& vision) {
  const Json& stages = cfg["layers"];
  const bool good =
      stages.size() == 4 &&
      std::all_of(stages.begin(), stages.end(), [](const Json& blocks) {
        return blocks.is_number_integer() && blocks >= 1 &&
               blocks <= kMaxLayers;
      });
  if (!good) {
    return cfg.Error("layers", absl::StrCat("is ", stages.dump(),
                                            ", not a number or four whole "
                                            "numbers from 1 to ",
                                            kMaxLayers));
  }
  vision.blocks = stages.get<std::vector<int>>();
  KEEL_RETURN_IF_ERROR(ReadHeads(cfg, 32 * vision.width, vision.heads));
  if (vision.width % 2 != 0) return cfg.Error("width", "of a ResNet is odd");
  if (vision.image_size % 32 == 0) return absl::OkStatus();
  return cfg.Error("image_size", "of a ResNet is no multiple of 32");
}

absl::Status ReadTransformer(const Section& cfg, ModelConfig::Vision& vision) {
  vision.patch_size = 16;
  vision.layers = 12;
  KEEL_RETURN_IF_ERROR(
      cfg.Integer("patch_size", 1, kMaxImageSize, vision.patch_size));
  KEEL_RETURN_IF_ERROR(cfg.Integer("layers", 1, kMaxLayers, vision.layers));
  KEEL_RETURN_IF_ERROR(cfg.Ratio("mlp_ratio", vision.width, vision.mlp_ratio));
  KEEL_RETURN_IF_ERROR(ReadHeads(cfg, vision.width, vision.heads));
  if (vision.image_size % vision.patch_size == 0) return absl::OkStatus();
  return cfg.Error("patch_size", absl::StrCat("is ", vision.patch_size,
                                              ", which does not divide the "
                                              "image_size ",
                                              vision.image_size));
}

absl::Status ReadVision(const Section& cfg, ModelConfig::Vision& vision) {
  static const Json* const neutral = new Json({{"pool_type", "tok"},
                                               {"pos_embed_type", "learnable"},
                                               {"attn_pooler_queries", 256},
                                               {"attn_pooler_heads", 8},
                                               {"timm_pool", "avg"},
                                               {"timm_proj", "linear"}});
  KEEL_RETURN_IF_ERROR(cfg.CheckOthers({"image_size", "patch_size", "width",
                                        "layers", "head_width", "mlp_ratio"},
                                       *neutral));
  vision.image_size = 224;
  vision.width = 768;
  KEEL_RETURN_IF_ERROR(
      cfg.Integer("image_size", 1, kMaxImageSize, vision.image_size));
  KEEL_RETURN_IF_ERROR(cfg.Integer("width", 1, kMaxWidth, vision.width));
  // A list of layers is OpenCLIP's sign of a ResNet.
  return cfg.Has("layers") && cfg["layers"].is_array()
             ? ReadResNet(cfg, vision)
             : ReadTransformer(cfg, vision);
}

absl::Status ReadText(const Section& cfg, ModelConfig::Text& text) {
  static const Json* const neutral =
      new Json({{"pool_type", "argmax"},
                {"proj_type", "linear"},
                {"eos_id", 2},
                {"hf_tokenizer_name", ""},
                {"hf_model_pretrained", true},
                {"hf_proj_type", "mlp"},
                {"hf_pooler_type", "mean_pooler"}});
  KEEL_RETURN_IF_ERROR(cfg.CheckOthers(
      {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"},
      *neutral));
  text = {.context_length = 77,
          .vocab_size = kMaxVocabulary,
          .width = 512,
          .layers = 12,
          .heads = 8};
  KEEL_RETURN_IF_ERROR(cfg.Integer("context_length", kMinContext, kMaxContext,
                                   text.context_length));
  KEEL_RETURN_IF_ERROR(
      cfg.Integer("vocab_size", 1, kMaxVocabulary, text.vocab_size));
  KEEL_RETURN_IF_ERROR(cfg.Integer("width", 1, kMaxWidth, text.width));
  KEEL_RETURN_IF_ERROR(cfg.Integer("heads", 1, kMaxHeads, text.heads));
  KEEL_RETURN_IF_ERROR(cfg.Integer("layers", 1, kMaxLayers, text.layers));
  KEEL_RETURN_IF_ERROR(cfg.Ratio("mlp_ratio", text.width, text.mlp_ratio));
  if (text.width % text.heads == 0) return absl::OkStatus();
  return cfg.Error(
      "heads", absl::StrCat("is ", text.heads,
                            ", which does not divide the width ", text.width));
}

absl::StatusOr<ModelConfig> ReadModel(const Section& cfg) {
  KEEL_RETURN_IF_ERROR(cfg.CheckOthers(
      {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"}, Json::object()));
  ModelConfig model;
  model.quick_gelu = false;
  KEEL_RETURN_IF_ERROR(cfg.Require("embed_dim"));
  KEEL_RETURN_IF_ERROR(cfg.Integer("embed_dim", 1, kMaxWidth, model.embed_dim));
  KEEL_RETURN_IF_ERROR(cfg.Bool("quick_gelu", model.quick_gelu));
  KEEL_ASSIGN_OR_RETURN(const Section vision, cfg.Object("vision_cfg"));
  KEEL_ASSIGN_OR_RETURN(const Section text, cfg.Object("text_cfg"));
  KEEL_RETURN_IF_ERROR(ReadVision(vision, model.vision));
  KEEL_RETURN_IF_ERROR(ReadText(text, model.text));
  return model;
}

// Of numbers in a list; other values are equal or not.
bool NearlyEqual(const Json& value, const Json& expected) {
  if (!expected.is_array()) return value == expected;
  if (!value.is_array() || value.size() != expected.size()) return false;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!value[i].is_number() ||
        std::abs(value[i].get<double>() - expected[i].get<double>()) > 1e-6) {
      return false;
    }
  }
  return true;
}

// Keel feeds images as OpenAI's CLIP does.
Json OpenAiPreprocessing() {
  return {{"mean", {0.48145466, 0.4578275, 0.40821073}},
          {"std", {0.26862954, 0.26130258, 0.27577711}},
          {"interpolation", "bicubic"},
          {"resize_mode", "shortest"}};
}

// Weights of another preprocessing would load, but see other pictures than
// they know.
absl::Status CheckPreprocessing(const Section& cfg) {
  Json openai = OpenAiPreprocessing();
  openai["mode"] = "RGB";
  for (const auto& [key, expected] : openai.items()) {
    if (!cfg.Has(key.c_str())) continue;
    const Json& found = cfg[key.c_str()];
    if (NearlyEqual(found, expected)) continue;
    return cfg.Error(key, absl::StrCat("is ", found.dump(),
                                       ": not supported by this version, "
                                       "which takes ",
                                       expected.dump()));
  }
  return absl::OkStatus();
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

absl::StatusOr<ModelConfig> ModelConfigFromOpenClip(
    std::string_view json, std::string_view file_name) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(ToAbsl(file_name), ": not a JSON object"));
  }
  const Section top(root, std::string(file_name), "");
  if (top.Has("preprocess_cfg")) {
    KEEL_ASSIGN_OR_RETURN(const Section preprocess,
                          top.Object("preprocess_cfg"));
    KEEL_RETURN_IF_ERROR(CheckPreprocessing(preprocess));
  }
  if (!top.Has("model_cfg")) return ReadModel(top);
  KEEL_ASSIGN_OR_RETURN(const Section model, top.Object("model_cfg"));
  return ReadModel(model);
}

std::string OpenClipConfigJson(const ModelConfig& config) {
  return Json{{"model_cfg", ModelJson(config)},
              {"preprocess_cfg", OpenAiPreprocessing()}}
             .dump(2) +
         "\n";
}

absl::Status RequireSameArchitecture(const ModelConfig& found,
                                     const ModelConfig& wanted) {
  return Compare(ModelJson(found), ModelJson(wanted), "");
}

}  // namespace keel
