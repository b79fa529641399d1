// Browsers refuse workers to a page from the disk: the search's script then runs in a hidden frame.
if (location.protocol === 'file:') {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement('iframe');
      frame.hidden = true;
      document.documentElement.append(frame);
      this.inner = frame.contentWindow;
      this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent('message', { data }));
      const script = this.inner.document.createElement('script');
      script.src = url;
      this.loaded = new Promise((done) => script.addEventListener('load', done));
      this.inner.document.body.append(script);
    }

    async postMessage(data) {
      await this.loaded;
      this.inner.dispatchEvent(new MessageEvent('message', { data }));
    }

    terminate() {}
  };
}
