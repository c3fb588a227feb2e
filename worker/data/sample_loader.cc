#include "worker/data/sample_loader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/shard/caption.h"
#include "common/status_macros.h"
#include "worker/data/bounded_cache.h"
#include "worker/data/image_decoder.h"
#include "worker/data/image_transform.h"
#include "worker/data/sample_lookup.h"
#include "worker/data/sample_table.h"

namespace keel {
namespace {

constexpr char kUndecodable[] = "IMAGE_DECODE";
constexpr size_t kDigestBytes = 16;
// What an entry of a cache takes beside its values.
constexpr int64_t kEntryOverheadBytes = 128;

// A decoded image; without pixels if the bytes do not decode.
struct Crop {
  std::string digest;
  std::vector<uint8_t> pixels;
};

struct CaptionTokens {
  std::string digest;
  std::vector<int32_t> ids;
};

std::string ShortDigest(std::string_view bytes) {
  return Sha256Bytes(bytes).substr(0, kDigestBytes);
}

absl::Status WrongBytes(const SamplePlace& place, const std::string& what) {
  return absl::DataLossError(absl::StrCat("chunk ", *place.chunk_digest,
                                          ", sample ", place.sample->key, ": ",
                                          what));
}

}  // namespace

class SampleLoader::Impl {
 public:
  Impl(const Options& options, const std::vector<SampleList>& samples,
       ChunkReader& chunks, const Tokenizer& tokenizer)
      : options_(options),
        table_(samples),
        chunks_(chunks),
        tokenizer_(tokenizer),
        crops_(options.crop_cache_bytes),
        captions_(options.token_cache_bytes) {}

  absl::StatusOr<LoadedRows> Load(const std::vector<RowRequest>& requests,
                                  const std::function<bool()>& stopped) {
    LoadedRows rows;
    rows.images.reserve(requests.size() * crop_bytes());
    // The captions of one sample come one after the other.
    std::pair<int64_t, std::shared_ptr<const Crop>> newest{-1, nullptr};
    for (const RowRequest& request : requests) {
      if (stopped && stopped()) return absl::CancelledError("stopped");
      KEEL_RETURN_IF_ERROR(LoadRow(request, newest, rows));
    }
    return rows;
  }

  const SampleTable& table() const { return table_; }

 private:
  using CaptionKey = std::pair<int64_t, int>;

  size_t crop_bytes() const {
    return size_t{3} * static_cast<size_t>(options_.image_size) *
           static_cast<size_t>(options_.image_size);
  }

  absl::Status LoadRow(const RowRequest& request,
                       std::pair<int64_t, std::shared_ptr<const Crop>>& newest,
                       LoadedRows& rows) {
    KEEL_ASSIGN_OR_RETURN(const RowSource source, LookUpRow(table_, request));
    if (newest.first != request.sample) {
      KEEL_ASSIGN_OR_RETURN(newest.second,
                            FindOrLoadCrop(request.sample, source));
      newest.first = request.sample;
    }
    const std::shared_ptr<const Crop>& crop = newest.second;
    if (crop->pixels.empty()) {
      rows.struck.push_back({request.sample, kUndecodable});
      return absl::OkStatus();
    }
    KEEL_ASSIGN_OR_RETURN(const auto caption,
                          FindOrLoadCaption(request, source));
    rows.samples.push_back(request.sample);
    rows.images.insert(rows.images.end(), crop->pixels.begin(),
                       crop->pixels.end());
    rows.image_digests.push_back(crop->digest);
    AppendCaption(*caption, rows);
    return absl::OkStatus();
  }

  void AppendCaption(const CaptionTokens& caption, LoadedRows& rows) const {
    const auto begin = rows.tokens.size();
    rows.tokens.resize(begin + static_cast<size_t>(options_.context_length), 0);
    std::copy(caption.ids.begin(), caption.ids.end(),
              rows.tokens.begin() + static_cast<std::ptrdiff_t>(begin));
    rows.max_tokens =
        std::max(rows.max_tokens, static_cast<int>(caption.ids.size()));
    rows.caption_digests.push_back(caption.digest);
  }

  absl::StatusOr<std::shared_ptr<const Crop>> FindOrLoadCrop(
      int64_t ordinal, const RowSource& source) {
    if (auto known = crops_.Find(ordinal)) return known;
    KEEL_ASSIGN_OR_RETURN(Crop loaded, LoadCrop(source.place));
    auto crop = std::make_shared<const Crop>(std::move(loaded));
    crops_.Insert(
        ordinal, crop,
        static_cast<int64_t>(crop->pixels.size()) + kEntryOverheadBytes);
    return crop;
  }

  absl::StatusOr<std::shared_ptr<const CaptionTokens>> FindOrLoadCaption(
      const RowRequest& request, const RowSource& source) {
    const CaptionKey key{request.sample, request.caption};
    if (auto known = captions_.Find(key)) return known;
    KEEL_ASSIGN_OR_RETURN(CaptionTokens loaded, LoadCaption(source));
    auto caption = std::make_shared<const CaptionTokens>(std::move(loaded));
    captions_.Insert(
        key, caption,
        static_cast<int64_t>(4 * caption->ids.size()) + kEntryOverheadBytes);
    return caption;
  }

  // Only what the decoder says of the bytes themselves strikes a sample; an
  // error of this machine, such as memory, is returned.
  absl::StatusOr<Crop> LoadCrop(const SamplePlace& place) {
    const SampleRef& sample = *place.sample;
    KEEL_ASSIGN_OR_RETURN(const std::string bytes,
                          chunks_.Read(*place.chunk_digest, sample.image_offset,
                                       sample.image_size_bytes));
    Crop crop{ShortDigest(bytes), {}};
    if (crop.digest != sample.image_digest) {
      return WrongBytes(place,
                        "the image has another digest than in the index");
    }
    auto image = DecodeImage(sample.format, bytes, options_.max_image_pixels);
    if (absl::IsInvalidArgument(image.status())) return crop;
    KEEL_RETURN_IF_ERROR(image.status());
    crop.pixels = TransformImage(*image, options_.image_size);
    return crop;
  }

  absl::StatusOr<CaptionTokens> LoadCaption(const RowSource& source) {
    const CaptionRef& ref = *source.caption;
    KEEL_ASSIGN_OR_RETURN(
        const std::string entry,
        chunks_.Read(*source.place.chunk_digest, ref.offset, ref.size_bytes));
    const auto text = CaptionFromEntry(entry, ref.json_position);
    if (!text.ok())
      return WrongBytes(source.place, std::string(text.status().message()));
    CaptionTokens caption{ShortDigest(*text), {}};
    if (caption.digest != ref.digest) {
      return WrongBytes(source.place,
                        "a caption has another digest than in the index");
    }
    caption.ids = tokenizer_.Tokenize(*text, options_.context_length);
    return caption;
  }

  const Options options_;
  const SampleTable table_;
  ChunkReader& chunks_;
  const Tokenizer& tokenizer_;
  BoundedCache<int64_t, Crop> crops_;
  BoundedCache<CaptionKey, CaptionTokens> captions_;
};

SampleLoader::SampleLoader(const Options& options,
                           const std::vector<SampleList>& samples,
                           ChunkReader& chunks, const Tokenizer& tokenizer)
    : impl_(std::make_unique<Impl>(options, samples, chunks, tokenizer)) {}

SampleLoader::~SampleLoader() = default;

absl::StatusOr<LoadedRows> SampleLoader::Load(
    const std::vector<RowRequest>& requests,
    const std::function<bool()>& stopped) {
  return impl_->Load(requests, stopped);
}

int64_t SampleLoader::sample_count() const { return impl_->table().count(); }

const SampleRef& SampleLoader::sample(int64_t ordinal) const {
  return *impl_->table().at(ordinal).sample;
}

}  // namespace keel
