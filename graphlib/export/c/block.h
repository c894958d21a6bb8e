/* The state as a block of bytes; see graphlib/export/block.py for its form. */
#ifndef GRAPHLIB_BLOCK_H
#define GRAPHLIB_BLOCK_H

#define GL_HEAD_BYTES 32

/* Copies elements of some bytes to or from little-endian ones. */
static inline void gl_ordered(void *to, const void *from, int64_t count, int64_t size) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    if (first) {
        memcpy(to, from, (size_t)(count * size));
        return;
    }
    for (int64_t k = 0; k < count; k++)
        for (int64_t b = 0; b < size; b++)
            ((uint8_t *)to)[k * size + b] = ((const uint8_t *)from)[k * size + size - 1 - b];
}

static inline void gl_put(uint8_t *to, uint64_t number, int bytes) {
    for (int b = 0; b < bytes; b++) to[b] = (uint8_t)(number >> 8 * b);
}

static inline uint64_t gl_get(const uint8_t *from, int bytes) {
    uint64_t number = 0;
    for (int b = 0; b < bytes; b++) number |= (uint64_t)from[b] << 8 * b;
    return number;
}

static inline uint32_t gl_crc32(const uint8_t *bytes, int64_t count) {
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;
    for (int64_t k = 0; k < count; k++) {
        crc ^= bytes[k];
        crc = table[crc & 15] ^ crc >> 4;
        crc = table[crc & 15] ^ crc >> 4;
    }
    return ~crc;
}

static inline void gl_write_head(uint8_t *block, uint32_t layout, int64_t payload) {
    memcpy(block, "GLSTATE", 8);
    gl_put(block + 8, 1, 4);
    gl_put(block + 12, layout, 4);
    gl_put(block + 16, (uint64_t)payload, 8);
    gl_put(block + 24, gl_crc32(block + GL_HEAD_BYTES, payload), 4);
    gl_put(block + 28, 0, 4);
}

/* 0, or what is wrong with a block. */
static inline int32_t gl_read_head(const uint8_t *block, int64_t bytes, uint32_t layout, int64_t payload) {
    if (bytes < 8 || memcmp(block, "GLSTATE", 8) != 0) return GL_NO_BLOCK;
    if (bytes < GL_HEAD_BYTES) return GL_TRUNCATED;
    if (gl_get(block + 8, 4) != 1) return GL_OTHER_VERSION;
    if (gl_get(block + 12, 4) != layout || gl_get(block + 16, 8) != (uint64_t)payload) return GL_OTHER_STATE;
    if (bytes != GL_HEAD_BYTES + payload) return GL_TRUNCATED;
    return gl_get(block + 24, 4) == gl_crc32(block + GL_HEAD_BYTES, payload) ? 0 : GL_DAMAGED;
}

#endif
