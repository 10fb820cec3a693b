// Where pictures come in: dropped, chosen, pasted, or from the webcam. They go to `url` and nowhere else.
const PAUSE = 500; // milliseconds between two frames

export default {
  template: `
    <div class="intake" :class="{ over }" @dragover.prevent="over = true" @dragleave="over = false" @drop.prevent="drop">
      <video v-show="stream" ref="video" autoplay playsinline muted aria-label="What the camera sees"></video>
      <p v-if="!stream" class="invitation">Drop a photo here</p>
      <div class="buttons">
        <template v-if="stream">
          <button type="button" class="strong" :disabled="live" @click="still">Take a picture</button>
          <label class="switch"><input type="checkbox" role="switch" v-model="live" @change="follow" />Live</label>
          <button type="button" @click="stop">Stop the camera</button>
        </template>
        <button type="button" :class="{ strong: !stream }" @click="$refs.file.click()">Choose a photo</button>
        <button v-if="!stream" type="button" :disabled="starting" @click="start">Use the webcam</button>
      </div>
      <p v-if="!stream" class="faint">JPEG, PNG, WebP, GIF, BMP or TIFF, up to {{ Math.round(largest / 1048576) }} MiB; or paste one.</p>
      <input ref="file" type="file" accept="image/*,.tif,.tiff" class="unseen" tabindex="-1" aria-label="Photo" @change="chosen" />
    </div>
  `,
  props: { url: String, largest: Number },
  data() {
    return { over: false, stream: null, starting: false, live: false };
  },
  mounted() {
    document.addEventListener("paste", this.paste);
    window.addEventListener("pagehide", this.stop);
  },
  beforeUnmount() {
    document.removeEventListener("paste", this.paste);
    window.removeEventListener("pagehide", this.stop);
    this.stop();
  },
  methods: {
    chosen(event) {
      this.first(event.target.files);
      event.target.value = ""; // the same file can be chosen again
    },
    drop(event) {
      this.over = false;
      if (event.dataTransfer.files.length) this.first(event.dataTransfer.files);
      else this.$emit("problem", "That was no file: save the picture first, then drop it here.");
    },
    paste(event) {
      if (event.clipboardData.files.length) this.first(event.clipboardData.files);
    },
    first(files) {
      this.live = false;
      if (files.length) this.send(files[0], files[0].name || "picture");
    },
    async send(blob, name) {
      if (blob.size > this.largest) {
        const size = Math.ceil(blob.size / 1048576);
        this.$emit("problem", `${name} has ${size} MiB; at most ${this.largest / 1048576} MiB are taken.`);
        return;
      }
      try {
        const headers = { "X-Name": encodeURIComponent(name) };
        await fetch(this.url, { method: "POST", headers, body: blob });
      } catch {
        this.$emit("problem", `${name} could not be handed over; is clfer demo still running?`);
        this.live = false;
      }
    },
    async start() {
      if (!navigator.mediaDevices) {
        this.$emit("problem", "Browsers give the camera only to pages of this machine (127.0.0.1) or of https.");
        return;
      }
      this.starting = true;
      try {
        this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
        this.stream.getVideoTracks()[0].addEventListener("ended", this.stop);
        this.$refs.video.srcObject = this.stream;
      } catch (error) {
        const reasons = { NotAllowedError: "the browser does not allow it", NotFoundError: "none was found" };
        this.$emit("problem", `No camera: ${reasons[error.name] || "it is in use by another program, or broken"}.`);
      }
      this.starting = false;
    },
    stop() {
      this.live = false;
      this.stream?.getTracks().forEach((track) => track.stop());
      this.stream = null;
    },
    async still() {
      const video = this.$refs.video;
      if (!video?.videoWidth) return;
      const canvas = document.createElement("canvas");
      canvas.width = video.videoWidth;
      canvas.height = video.videoHeight;
      canvas.getContext("2d").drawImage(video, 0, 0);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
      await this.send(blob, "the webcam's picture");
    },
    async follow() {
      while (this.live) {
        const next = new Promise((done) => setTimeout(done, PAUSE));
        if (!document.hidden) await this.still();
        await next;
      }
    },
  },
};
