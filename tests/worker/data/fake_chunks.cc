#include "tests/worker/data/fake_chunks.h"

#include <spng.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "tests/worker/data/test_images.h"

namespace keel {

SampleRef FakeChunks::Add(const std::string& chunk, const std::string& key,
                          ImageFormat format, const std::string& image,
                          const std::vector<std::string>& captions) {
  std::string& bytes = chunks_[chunk];
  SampleRef sample;
  sample.key = key;
  sample.format = format;
  sample.image_offset = static_cast<int64_t>(bytes.size());
  sample.image_size_bytes = static_cast<int32_t>(image.size());
  sample.image_digest = Sha256Bytes(image).substr(0, 16);
  bytes += image;
  for (const std::string& text : captions) {
    CaptionRef caption;
    caption.offset = static_cast<int64_t>(bytes.size());
    caption.size_bytes = static_cast<int32_t>(text.size());
    caption.digest = Sha256Bytes(text).substr(0, 16);
    sample.captions.push_back(caption);
    bytes += text;
  }
  return sample;
}

void FakeChunks::Damage(const std::string& chunk, int64_t offset) {
  chunks_[chunk][static_cast<size_t>(offset)] ^= 1;
}

void FakeChunks::FailWith(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  failure_ = std::move(status);
}

int64_t FakeChunks::read_count() const {
  absl::MutexLock lock(&mutex_);
  return read_count_;
}

absl::StatusOr<std::string> FakeChunks::Read(const std::string& chunk_digest,
                                             int64_t offset, int64_t length) {
  {
    absl::MutexLock lock(&mutex_);
    ++read_count_;
    if (!failure_.ok()) return failure_;
  }
  const auto chunk = chunks_.find(chunk_digest);
  if (chunk == chunks_.end()) return absl::NotFoundError(chunk_digest);
  return chunk->second.substr(static_cast<size_t>(offset),
                              static_cast<size_t>(length));
}

std::string PngOf(const RgbImage& image) {
  spng_ctx* context = spng_ctx_new(SPNG_CTX_ENCODER);
  spng_set_option(context, SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header = {};
  header.width = static_cast<uint32_t>(image.width);
  header.height = static_cast<uint32_t>(image.height);
  header.bit_depth = 8;
  header.color_type = SPNG_COLOR_TYPE_TRUECOLOR;
  spng_set_ihdr(context, &header);
  spng_encode_image(context, image.pixels.data(), image.pixels.size(),
                    SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  size_t size = 0;
  int error = 0;
  void* bytes = spng_get_png_buffer(context, &size, &error);
  std::string png(static_cast<char*>(bytes), size);
  std::free(bytes);
  spng_ctx_free(context);
  return png;
}

std::vector<SampleList> FillWithPictures(FakeChunks& chunks, int count) {
  SampleList list;
  list.chunk_digest = "chunk";
  for (int i = 0; i < count; ++i) {
    list.samples.push_back(
        chunks.Add("chunk", absl::StrCat("s", i), ImageFormat::kPng,
                   PngOf(MakePicture(20 + i, 16, i)),
                   {absl::StrCat("picture ", i), absl::StrCat("again ", i)}));
  }
  return {list};
}

}  // namespace keel
