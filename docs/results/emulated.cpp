// The tiles of emulated.py: 4 x 4 outputs of a 3 x 3 convolution, from 6 x 6 inputs.
// A tile t, for each channel, becomes m t m' with a matrix m; channels lie next to each other.

#include <algorithm>
#include <bit>
#include <cstdint>

using bfloat16 = uint16_t;
constexpr int CHANNELS = 16;  // at a time, in registers

inline float widened(bfloat16 value) { return std::bit_cast<float>(uint32_t(value) << 16); }

inline bfloat16 rounded(float value) {  // to the nearest, ties to even
  const auto bits = std::bit_cast<uint32_t>(value);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// Tiles of SIDE x SIDE every 4 positions of maps, N x H x W x C with zeros around them, to 36 x T x C.
template <int SIDE>
void apart(const bfloat16* maps, long N, long H, long W, long C, const float* matrix, float* tiles) {
  const long count = N * H * W / 16, border = (SIDE - 4) / 2;
  float m[6][SIDE];
  std::copy(matrix, matrix + 6 * SIDE, m[0]);
  long tile = 0;
  for (long n = 0; n < N; n++)
    for (long top = -border; top < H - border; top += 4)
      for (long left = -border; left < W - border; left += 4, tile++)
        for (long c = 0; c < C; c += CHANNELS) {
          float half[6][SIDE][CHANNELS];
          for (int j = 0; j < SIDE; j++) {
            float column[SIDE][CHANNELS] = {};
            for (int i = 0; i < SIDE; i++) {
              const long y = top + i, x = left + j;
              if (y < 0 || y >= H || x < 0 || x >= W) continue;
              const bfloat16* values = maps + ((n * H + y) * W + x) * C + c;
              for (int k = 0; k < CHANNELS; k++) column[i][k] = widened(values[k]);
            }
            for (int a = 0; a < 6; a++)
              for (int k = 0; k < CHANNELS; k++) {
                float sum = 0;
                for (int i = 0; i < SIDE; i++) sum += m[a][i] * column[i][k];
                half[a][j][k] = sum;
              }
          }
          for (int a = 0; a < 6; a++)
            for (int b = 0; b < 6; b++) {
              float* values = tiles + ((a * 6 + b) * count + tile) * C + c;
              for (int k = 0; k < CHANNELS; k++) {
                float sum = 0;
                for (int j = 0; j < SIDE; j++) sum += m[b][j] * half[a][j][k];
                values[k] = sum;
              }
            }
        }
}

// The way back: 36 x T x C to tiles of 4 x 4, side by side in maps.
extern "C" void together(
    const float* tiles, long N, long H, long W, long C, const float* matrix, bfloat16* maps) {
  const long count = N * H * W / 16;
  float m[6][4];
  std::copy(matrix, matrix + 24, m[0]);
  long tile = 0;
  for (long n = 0; n < N; n++)
    for (long top = 0; top < H; top += 4)
      for (long left = 0; left < W; left += 4, tile++)
        for (long c = 0; c < C; c += CHANNELS) {
          float half[4][6][CHANNELS];
          for (int b = 0; b < 6; b++)
            for (int i = 0; i < 4; i++)
              for (int k = 0; k < CHANNELS; k++) {
                float sum = 0;
                for (int a = 0; a < 6; a++)
                  sum += m[a][i] * tiles[((a * 6 + b) * count + tile) * C + c + k];
                half[i][b][k] = sum;
              }
          for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) {
              bfloat16* values = maps + ((n * H + top + i) * W + left + j) * C + c;
              for (int k = 0; k < CHANNELS; k++) {
                float sum = 0;
                for (int b = 0; b < 6; b++) sum += m[b][j] * half[i][b][k];
                values[k] = rounded(sum);
              }
            }
        }
}

extern "C" void apart_4(
    const bfloat16* maps, long N, long H, long W, long C, const float* matrix, float* tiles) {
  apart<4>(maps, N, H, W, C, matrix, tiles);
}

extern "C" void apart_6(
    const bfloat16* maps, long N, long H, long W, long C, const float* matrix, float* tiles) {
  apart<6>(maps, N, H, W, C, matrix, tiles);
}
