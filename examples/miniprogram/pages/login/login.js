Page({
  data: { openid: '' },

  onShow() {
    wx.login({
      success: ({ code }) => wx.request({
        url: `${getApp().globalData.server}/code2Session`,
        method: 'POST',
        data: { jsCode: code },
        success: (res) => {
          wx.setStorageSync('openid', res.data.openid)
          this.setData({ openid: res.data.openid })
        },
      }),
    })
  },

  goToPhone() {
    wx.navigateTo({ url: '/pages/phone/phone' })
  },
})
