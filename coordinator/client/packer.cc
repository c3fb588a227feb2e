#include "coordinator/client/packer.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "coordinator/client/caption_list.h"
#include "coordinator/client/image_extension.h"
#include "coordinator/client/tar_writer.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

constexpr size_t kMaxStem = 64;

// No dots: WebDataset's keys end at the first one.
std::string KeyFor(int64_t number, const std::string& path) {
  std::string stem = path.substr(0, path.rfind('.')).substr(0, kMaxStem);
  for (char& c : stem) {
    if (!absl::ascii_isalnum(c) && c != '_') c = '-';
  }
  return absl::StrFormat("%08d-%s", number, stem);
}

absl::Status AddCaptions(TarWriter& tar, const std::string& key,
                         const std::vector<std::string>& captions) {
  if (captions.size() == 1) return tar.Add(key + ".txt", captions[0]);
  return tar.Add(key + ".json", nlohmann::json{{"captions", captions}}.dump());
}

absl::StatusOr<std::vector<CaptionedImage>> ReadList(
    const PackOptions& options) {
  if (options.samples_per_shard <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--samples-per-shard must be positive, got ",
                     options.samples_per_shard));
  }
  KEEL_ASSIGN_OR_RETURN(const std::string tsv, ReadFile(options.captions));
  KEEL_ASSIGN_OR_RETURN(std::vector<CaptionedImage> images,
                        ParseCaptionList(tsv, options.captions));
  if (images.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.captions, " names no image"));
  }
  for (const CaptionedImage& image : images) {
    std::error_code error;
    const std::string path = JoinPath(options.images, image.path);
    if (!std::filesystem::is_regular_file(path, error)) {
      return absl::NotFoundError(absl::StrCat(options.captions, ":", image.line,
                                              ": there is no file ", path));
    }
  }
  return images;
}

absl::Status PrepareFolder(const std::string& folder) {
  KEEL_RETURN_IF_ERROR(CreateDirectories(folder));
  KEEL_ASSIGN_OR_RETURN(const auto names, ListDirectory(folder));
  for (const std::string& name : names) {
    if (absl::StartsWith(name, "shard-") && absl::EndsWith(name, ".tar")) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder, " holds shards already (", name,
                       "); remove them or take another folder"));
    }
  }
  return absl::OkStatus();
}

// Packs images [begin, end) into one shard.
absl::Status PackShard(const PackOptions& options,
                       const std::vector<CaptionedImage>& images, size_t begin,
                       size_t end, PackResult& result) {
  const std::string path = JoinPath(
      options.out, absl::StrFormat("shard-%06d.tar", result.shards.size()));
  KEEL_ASSIGN_OR_RETURN(const auto tar, TarWriter::Create(path));
  for (size_t i = begin; i < end; ++i) {
    const CaptionedImage& image = images[i];
    KEEL_ASSIGN_OR_RETURN(const std::string bytes,
                          ReadFile(JoinPath(options.images, image.path)));
    const std::string key = KeyFor(result.sample_count++, image.path);
    KEEL_RETURN_IF_ERROR(
        tar->Add(absl::StrCat(key, ".", ImageExtension(image.path)), bytes));
    KEEL_RETURN_IF_ERROR(AddCaptions(*tar, key, image.captions));
    if (options.progress) options.progress(result.sample_count, images.size());
  }
  KEEL_RETURN_IF_ERROR(tar->Close());
  KEEL_ASSIGN_OR_RETURN(const int64_t size, FileSize(path));
  result.byte_count += size;
  result.shards.push_back(path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PackResult> Pack(const PackOptions& options) {
  KEEL_ASSIGN_OR_RETURN(const auto images, ReadList(options));
  KEEL_RETURN_IF_ERROR(PrepareFolder(options.out));
  PackResult result;
  for (size_t begin = 0; begin < images.size();) {
    const size_t end =
        std::min<size_t>(images.size(), begin + options.samples_per_shard);
    KEEL_RETURN_IF_ERROR(PackShard(options, images, begin, end, result));
    begin = end;
  }
  return result;
}

}  // namespace keel
