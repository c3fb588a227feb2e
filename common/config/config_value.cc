#include "common/config/config_value.h"

#include <google/protobuf/reflection.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "common/string_view.h"

namespace keel {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

struct Scale {
  const char* suffix;
  int64_t bytes;
};
constexpr Scale kScales[] = {{"TiB", int64_t{1} << 40},
                             {"GiB", int64_t{1} << 30},
                             {"MiB", int64_t{1} << 20},
                             {"KiB", int64_t{1} << 10}};

// A key's field and the message that it is in.
struct Place {
  const Message* message;
  const FieldDescriptor* field;
  const Reflection& reflection() const { return *message->GetReflection(); }
};

Place Find(const ConfigKey& key, const Message& root) {
  Place place{&root, nullptr};
  for (absl::string_view name : absl::StrSplit(key.path, '.')) {
    if (place.field != nullptr) {
      place.message =
          &place.reflection().GetMessage(*place.message, place.field);
    }
    place.field =
        place.message->GetDescriptor()->FindFieldByName(std::string(name));
  }
  return place;
}

// As Find, but makes the messages on the way.
Message* FindMutable(const ConfigKey& key, Message* root) {
  const std::vector<std::string> names = absl::StrSplit(key.path, '.');
  Message* message = root;
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    message = message->GetReflection()->MutableMessage(
        message, message->GetDescriptor()->FindFieldByName(names[i]));
  }
  return message;
}

absl::Status Wrong(const ConfigKey& key, const std::string& wanted,
                   absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat(key.path, " must be ", wanted, ", got '", text, "'"));
}

std::optional<int64_t> ParseBytes(absl::string_view text) {
  int64_t scale = 1;
  for (const Scale& each : kScales) {
    if (absl::ConsumeSuffix(&text, each.suffix)) {
      scale = each.bytes;
      break;
    }
  }
  int64_t count = 0;
  if (!absl::SimpleAtoi(text, &count)) return std::nullopt;
  if (count > std::numeric_limits<int64_t>::max() / scale ||
      count < std::numeric_limits<int64_t>::min() / scale) {
    return std::nullopt;
  }
  return count * scale;
}

std::string BytesText(int64_t bytes) {
  for (const Scale& scale : kScales) {
    if (bytes != 0 && bytes % scale.bytes == 0) {
      return absl::StrCat(bytes / scale.bytes, scale.suffix);
    }
  }
  return absl::StrCat(bytes);
}

// The shortest text that reads back as `value`.
std::string DoubleText(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  return std::string(text, end);
}

std::string EnumText(const EnumValueDescriptor& value) {
  return absl::AsciiStrToLower(value.name());
}

// The enum's names but the unspecified one: "fp32 or bf16".
std::string EnumChoices(const FieldDescriptor& field) {
  std::string text;
  const auto* type = field.enum_type();
  for (int i = 1; i < type->value_count(); ++i) {
    const bool last = i + 1 == type->value_count();
    absl::StrAppend(&text,
                    i == 1 ? ""
                    : last ? " or "
                           : ", ",
                    EnumText(*type->value(i)));
  }
  return text;
}

absl::Duration DurationIn(const Place& place) {
  const auto& value = static_cast<const google::protobuf::Duration&>(
      place.reflection().GetMessage(*place.message, place.field));
  return absl::Seconds(value.seconds()) + absl::Nanoseconds(value.nanos());
}

absl::Status SetInteger(const ConfigKey& key, const FieldDescriptor* field,
                        absl::string_view text, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const bool wide = field->cpp_type() == FieldDescriptor::CPPTYPE_INT64;
  std::optional<int64_t> value;
  if (key.unit == ConfigUnit::kBytes) {
    value = ParseBytes(text);
    if (!value) return Wrong(key, "a size such as 512MiB or 64GiB", text);
  } else if (key.unit == ConfigUnit::kCountOrAll && text == "all") {
    value = 0;
  } else if (int64_t number = 0; absl::SimpleAtoi(text, &number)) {
    value = number;
  }
  const bool fits = value && (wide || static_cast<int32_t>(*value) == *value);
  if (!fits) {
    return Wrong(key,
                 key.unit == ConfigUnit::kCountOrAll ? "a whole number or 'all'"
                                                     : "a whole number",
                 text);
  }
  if (wide) {
    reflection.SetInt64(message, field, *value);
  } else {
    reflection.SetInt32(message, field, static_cast<int32_t>(*value));
  }
  return absl::OkStatus();
}

absl::Status SetIntegers(const ConfigKey& key, const FieldDescriptor* field,
                         absl::string_view text, Message* message) {
  absl::string_view rest = text;
  bool good =
      absl::ConsumePrefix(&rest, "[") && absl::ConsumeSuffix(&rest, "]");
  std::vector<int32_t> values;
  for (absl::string_view part : absl::StrSplit(rest, ',')) {
    good = absl::SimpleAtoi(part, &values.emplace_back()) && good;
  }
  if (!good) {
    return Wrong(key, "a list of whole numbers such as [3, 4, 6, 3]", text);
  }
  message->GetReflection()->ClearField(message, field);
  for (int32_t value : values) {
    message->GetReflection()->AddInt32(message, field, value);
  }
  return absl::OkStatus();
}

absl::Status SetDouble(const ConfigKey& key, const FieldDescriptor* field,
                       absl::string_view text, Message* message) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return Wrong(key, "a number", text);
  }
  message->GetReflection()->SetDouble(message, field, value);
  return absl::OkStatus();
}

absl::Status SetBool(const ConfigKey& key, const FieldDescriptor* field,
                     absl::string_view text, Message* message) {
  if (text != "true" && text != "false") {
    return Wrong(key, "true or false", text);
  }
  message->GetReflection()->SetBool(message, field, text == "true");
  return absl::OkStatus();
}

absl::Status SetEnum(const ConfigKey& key, const FieldDescriptor* field,
                     absl::string_view text, Message* message) {
  const auto* type = field->enum_type();
  for (int i = 1; i < type->value_count(); ++i) {
    if (EnumText(*type->value(i)) == text) {
      message->GetReflection()->SetEnum(message, field, type->value(i));
      return absl::OkStatus();
    }
  }
  return Wrong(key, EnumChoices(*field), text);
}

absl::Status SetDuration(const ConfigKey& key, const FieldDescriptor* field,
                         absl::string_view text, Message* message) {
  absl::Duration value;
  if (!absl::ParseDuration(text, &value) || value == absl::InfiniteDuration() ||
      value == -absl::InfiniteDuration()) {
    return Wrong(key, "a duration with a unit, such as 60s or 1h", text);
  }
  auto* duration = static_cast<google::protobuf::Duration*>(
      message->GetReflection()->MutableMessage(message, field));
  duration->set_seconds(absl::IDivDuration(value, absl::Seconds(1), &value));
  duration->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(value)));
  return absl::OkStatus();
}

std::vector<int32_t> IntegersIn(const Place& place) {
  const auto list = place.reflection().GetRepeatedFieldRef<int32_t>(
      *place.message, place.field);
  return {list.begin(), list.end()};
}

// Numbers and durations (in seconds) as a number to compare.
std::optional<double> Magnitude(const Place& place) {
  const Message& message = *place.message;
  switch (place.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return place.reflection().GetInt32(message, place.field);
    case FieldDescriptor::CPPTYPE_INT64:
      return place.reflection().GetInt64(message, place.field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return place.reflection().GetDouble(message, place.field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return absl::ToDoubleSeconds(DurationIn(place));
    default:
      return std::nullopt;
  }
}

// What `value` breaks of `range`; null if nothing.
const char* Broken(ConfigRange range, double value) {
  switch (range) {
    case ConfigRange::kAny:
      return nullptr;
    case ConfigRange::kPositive:
      return value > 0 ? nullptr : "must be positive";
    case ConfigRange::kNotNegative:
      return value >= 0 ? nullptr : "must not be negative";
    case ConfigRange::kShare:
      return value >= 0 && value <= 1 ? nullptr : "must be in [0, 1]";
    case ConfigRange::kShareBelowOne:
      return value >= 0 && value < 1 ? nullptr : "must be in [0, 1)";
    case ConfigRange::kShareAboveZero:
      return value > 0 && value <= 1 ? nullptr : "must be in (0, 1]";
    case ConfigRange::kShareOpen:
      return value > 0 && value < 1 ? nullptr : "must be in (0, 1)";
  }
  return nullptr;
}

std::string NumbersText(const ConfigKey& key) {
  const std::string most =
      key.at_most > 0 ? absl::StrCat(static_cast<int64_t>(key.at_most)) : "";
  switch (key.range) {
    case ConfigRange::kAny:
      return "";
    case ConfigRange::kPositive:
      return most.empty() ? "> 0" : absl::StrCat("(0, ", most, "]");
    case ConfigRange::kNotNegative:
      return most.empty() ? ">= 0" : absl::StrCat("[0, ", most, "]");
    case ConfigRange::kShare:
      return "[0, 1]";
    case ConfigRange::kShareBelowOne:
      return "[0, 1)";
    case ConfigRange::kShareAboveZero:
      return "(0, 1]";
    case ConfigRange::kShareOpen:
      return "(0, 1)";
  }
  return "";
}

absl::Status CheckMagnitude(const ConfigKey& key, double value,
                            const std::string& text) {
  if (const char* broken = Broken(key.range, value); broken != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(key.path, " ", broken, ", got ", text));
  }
  if (!std::isfinite(value)) {
    return absl::InvalidArgumentError(
        absl::StrCat(key.path, " must be finite, got ", text));
  }
  if (key.at_most > 0 && value > key.at_most) {
    return absl::InvalidArgumentError(
        absl::StrCat(key.path, " must be at most ",
                     static_cast<int64_t>(key.at_most), ", got ", text));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetConfigValue(const ConfigKey& key, std::string_view value,
                            v1::StreamConfig* config) {
  const absl::string_view text = ToAbsl(value);
  Message* const message = FindMutable(key, config);
  const FieldDescriptor* const field = Find(key, *config).field;
  if (key.unit == ConfigUnit::kIntegers) {
    return SetIntegers(key, field, text, message);
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return SetDouble(key, field, text, message);
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetBool(key, field, text, message);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(key, field, text, message);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SetDuration(key, field, text, message);
    case FieldDescriptor::CPPTYPE_STRING:
      message->GetReflection()->SetString(message, field, std::string(text));
      return absl::OkStatus();
    default:
      return SetInteger(key, field, text, message);
  }
}

bool HasConfigValue(const ConfigKey& key, const v1::StreamConfig& config) {
  const Place place = Find(key, config);
  if (key.unit == ConfigUnit::kIntegers) return !IntegersIn(place).empty();
  return place.reflection().HasField(*place.message, place.field);
}

std::string ConfigValueText(const ConfigKey& key,
                            const v1::StreamConfig& config) {
  const Place place = Find(key, config);
  const Message& message = *place.message;
  const Reflection& reflection = place.reflection();
  if (key.unit == ConfigUnit::kIntegers) {
    return absl::StrCat("[", absl::StrJoin(IntegersIn(place), ", "), "]");
  }
  switch (place.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return DoubleText(reflection.GetDouble(message, place.field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, place.field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumText(*reflection.GetEnum(message, place.field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return absl::FormatDuration(DurationIn(place));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, place.field);
    default:
      break;
  }
  const int64_t value =
      place.field->cpp_type() == FieldDescriptor::CPPTYPE_INT64
          ? reflection.GetInt64(message, place.field)
          : reflection.GetInt32(message, place.field);
  if (key.unit == ConfigUnit::kBytes) return BytesText(value);
  if (key.unit == ConfigUnit::kCountOrAll && value == 0) return "all";
  return absl::StrCat(value);
}

absl::Status CheckConfigValue(const ConfigKey& key,
                              const v1::StreamConfig& config) {
  const Place place = Find(key, config);
  if (key.unit == ConfigUnit::kIntegers) {
    for (int32_t value : IntegersIn(place)) {
      KEEL_RETURN_IF_ERROR(
          CheckMagnitude(key, value, ConfigValueText(key, config)));
    }
    return absl::OkStatus();
  }
  if (const auto magnitude = Magnitude(place)) {
    return CheckMagnitude(key, *magnitude, ConfigValueText(key, config));
  }
  if (place.field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    const int number =
        place.reflection().GetEnumValue(*place.message, place.field);
    if (place.field->enum_type()->FindValueByNumber(number) == nullptr ||
        number == 0) {
      return Wrong(key, EnumChoices(*place.field), absl::StrCat(number));
    }
  }
  const std::vector<std::string> choices =
      absl::StrSplit(key.choices, '|', absl::SkipEmpty());
  if (choices.empty()) return absl::OkStatus();
  const std::string text = ConfigValueText(key, config);
  if (absl::c_linear_search(choices, text)) return absl::OkStatus();
  return Wrong(
      key,
      absl::StrCat("one of ", absl::StrReplaceAll(key.choices, {{"|", ", "}})),
      text);
}

bool HasConfigField(const ConfigKey& key) {
  return key.unit != ConfigUnit::kFile;
}

bool IsOfAnotherTower(const ConfigKey& key, const v1::StreamConfig& config) {
  return config.model().vision().blocks_size() > 0 &&
         (key.path == "model.vision.patch_size" ||
          key.path == "model.vision.layers" ||
          key.path == "model.vision.mlp_ratio");
}

std::string ConfigRangeText(const ConfigKey& key) {
  if (key.unit == ConfigUnit::kFile) return "a path";
  if (key.unit == ConfigUnit::kIntegers) {
    return absl::StrCat("list of ", NumbersText(key));
  }
  if (!key.choices.empty()) {
    return absl::StrReplaceAll(key.choices, {{"|", ", "}});
  }
  const v1::StreamConfig any;
  const FieldDescriptor& field = *Find(key, any).field;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumChoices(field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    default:
      return absl::StrCat(key.unit == ConfigUnit::kCountOrAll ? "all, " : "",
                          NumbersText(key));
  }
}

}  // namespace keel
